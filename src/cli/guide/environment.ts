/** The environment's variables: what each does here, those of mount-s3 that do nothing included. */

export interface Variable {
  readonly names: readonly string[];
  readonly meaning: string;
}

export const VARIABLES: readonly Variable[] = [
  {
    names: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"],
    meaning: "Keys to sign requests with.",
  },
  {
    names: ["AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"],
    meaning: "A profile of the shared configuration files, and where these are.",
  },
  {
    names: ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME"],
    meaning: "A role to take on with a token, as in EKS (IRSA).",
  },
  {
    names: [
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
      "AWS_CONTAINER_CREDENTIALS_FULL_URI",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ],
    meaning: "Where a container asks for keys, as in ECS and EKS.",
  },
  {
    names: ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"],
    meaning: "Where tokens are exchanged for keys, instead of Amazon's own services.",
  },
  {
    names: ["AWS_EC2_METADATA_DISABLED"],
    meaning: "true: do not ask the instance for keys nor for its region.",
  },
  {
    names: ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"],
    meaning: "Where the instance is asked instead, and IPv6 to ask at its address of that kind.",
  },
  {
    names: ["AWS_REGION", "AWS_DEFAULT_REGION"],
    meaning: "Region, where --region does not say.",
  },
  {
    names: ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
    meaning: "Endpoint, where --endpoint-url does not say.",
  },
  {
    names: ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"],
    meaning: "true: take no endpoint from the two variables above.",
  },
  {
    names: ["AWS_S3_DISABLE_EXPRESS_SESSION_AUTH"],
    meaning: "true: sign requests to directory buckets without sessions.",
  },
  {
    names: ["AWS_CA_BUNDLE"],
    meaning: "PEM file of the certificates to trust, instead of those that Node.js trusts.",
  },
  {
    names: ["AWS_MAX_ATTEMPTS"],
    meaning: "How often a request is sent before it is given up, 1 to 9999; 10 when it is not set.",
  },
  {
    names: ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"],
    meaning: "Proxies and the hosts that need none, in capitals or not.",
  },
  {
    names: ["MOUNTPOINT_LOG"],
    meaning: "Directives for the log, such as debug or warn,s3=trace. They come before all flags.",
  },
  {
    names: ["MOUNT_S3_TS_SYSLOG"],
    meaning: "Socket of the system log, instead of /dev/log.",
  },
  {
    names: ["TMPDIR"],
    meaning:
      "Directory on a disk where less than 5 MiB of each file may wait that is written in turn with many others, while memory is short; /var/tmp or /tmp when it is not set.",
  },
  {
    names: ["UNSTABLE_MOUNTPOINT_PID_FILE"],
    meaning: "File for the id of the serving process, where --pid-file does not say.",
  },
  {
    names: ["UNSTABLE_MOUNTPOINT_MAX_BACKGROUND", "UNSTABLE_MOUNTPOINT_CONGESTION_THRESHOLD"],
    meaning:
      "How many requests in the background the kernel keeps under way, and from how many on it holds back; 64 and 48 when they are not set.",
  },
  {
    names: ["UNSTABLE_MOUNTPOINT_MAX_PREFETCH_WINDOW_SIZE"],
    meaning: "Most bytes to read ahead of one reader; 268435456 when it is not set.",
  },
  {
    names: [
      "UNSTABLE_MOUNTPOINT_CLONE_FUSE_FD",
      "UNSTABLE_MOUNTPOINT_DISABLE_CACHE_CLEANUP",
      "UNSTABLE_MOUNTPOINT_CACHE_KEY",
      "UNSTABLE_CRT_EVENTLOOP_THREADS",
      "_RJEM_MALLOC_CONF",
    ],
    meaning: "Of mount-s3, without effect here: there is no such thing to set.",
  },
];
