/** How the figures come about, in the words of the page and of docs/PERFORMANCE.md. */

export const METHOD: readonly string[] = [
  "Each cell (one job, one contender, one round) has a fresh mount and begins with the kernel's caches dropped, unless the report says that they were kept. A round has every contender once, in an order drawn from the seed; a job's rounds follow one another, so that what changes on the machine meets all alike.",
  "The figure is the median of the rounds; the spread is from the least to the most. The ratio is that of the medians, with a 95 % interval (percentile bootstrap); a job counts as better or worse only if the whole interval is on one side of 1. With three rounds the interval is little more than the spread: take five or more before claiming something close.",
  "CPU and memory are those of the process that serves and of all below it, from /proc: seconds while the job ran, for each GiB where bytes were moved, and the sum of the peaks of resident memory since the start.",
  "Servers run on the same machine and take their share of it, which all contenders pay alike. Where a job says so, a proxy holds each request back for some milliseconds, as a distant S3 does. What else ran meanwhile is measured too, and told when it was more than a tenth of the machine.",
  "Directory buckets of S3 Express One Zone are those of the sandbox of mount-s3-ts, since no free server has them: their jobs show the cost of the file system, not that of S3. Whoever cannot speak with that server is not applicable, for the reason that is told.",
  "The physical limit is joined on paper from two programs in C, each on one thread: one receives ranged GETs from the same server over keep-alive connections and throws the bytes away, the other serves a FUSE file system from memory, on which the same job runs. If one thread did both in turn, the times for a byte would add up; that rate is the line. A program that uses more threads may go beyond it.",
  "Large files that are written count when fsync has returned, small ones when the program has closed them: that is what programs wait for. Contenders that store later than that are marked.",
];
