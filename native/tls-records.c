/*
 * What a server sends under TLS 1.3 once the handshake is over (RFC 8446, sections 4.6, 5 and 6),
 * decrypted from where it was received to where it belongs: OpenSSL would copy it twice. OpenSSL
 * keeps everything else, so that whatever is not data, a server's ticket, its alert or a record
 * that we refuse, is read here as narrowly as can be.
 */
#include "tls.h"

#include <errno.h>
#include <string.h>

/* How many records without data may follow one another: more is a server that wastes our time. */
#define IDLE_RECORDS_MAX 32

enum content { ALERT = 21, HANDSHAKE = 22, DATA = 23 };
enum message { NEW_SESSION_TICKET = 4, KEY_UPDATE = 24 };
enum alert { CLOSE_NOTIFY = 0, USER_CANCELED = 90 };

#define MESSAGE_HEADER_BYTES 4
#define KEY_UPDATE_BYTES 5

void records_begin(struct tls *tls) {
  const struct openssl *ssl = tls->context->ssl;
  /* A record's key begins with the record: OpenSSL takes each by itself, and so none of these. */
  if (ssl->SSL_version(tls->ssl) == TLS1_3_VERSION && !ssl->SSL_has_pending(tls->ssl))
    tls->records.ours = traffic_start(
        &tls->traffic, ssl->SSL_CIPHER_get_protocol_id(ssl->SSL_get_current_cipher(tls->ssl)));
  else
    traffic_wipe(&tls->traffic);
  tls->records.in_step = tls->records.ours;
}

/* Lets OpenSSL read `length` bytes of `input`, in which there is no data. Its result. */
static int show(struct tls *tls, size_t length) {
  uint8_t byte;
  size_t count;
  tls->records.shown = tls->input_start + length;
  int result = tls->context->ssl->SSL_read_ex(tls->ssl, &byte, 1, &count);
  tls->records.shown = 0;
  return result;
}

/* Ends the session over the record at the head of `input`. OpenSSL, which cannot open it either,
 * sends the alert. */
static int refuse(struct tls *tls, const char *why) {
  show(tls, tls->input_end - tls->input_start);
  return tls_fail(tls, -EPROTO, "TLS failed: ", why);
}

/* Waits for a whole record at the head of `input`; *length is what follows its header. */
static int await_record(struct tls *tls, size_t *length) {
  for (;;) {
    const uint8_t *header = tls->input + tls->input_start;
    size_t there = tls->input_end - tls->input_start;
    if (there >= HEADER_BYTES) {
      *length = (size_t)header[3] << 8 | header[4];
      if (header[0] != DATA || header[1] != 3 || header[2] != 3)
        return refuse(tls, "bad record type");
      if (*length <= TAG_BYTES || *length > INNER_BYTES_MAX + TAG_BYTES)
        return refuse(tls, "bad record length");
      if (there - HEADER_BYTES >= *length)
        return 0;
    }
    int result = tls_receive(tls);
    if (result < 0)
      return tls->input_error == 0 ? result : (tls->failure_number = result);
    if (tls->eof)
      return tls_fail(tls, -EPROTO, TLS_CUT_OFF, "");
  }
}

static int take_alert(struct tls *tls, const uint8_t *alert, size_t length) {
  if (length != 2)
    return refuse(tls, "bad alert");
  if (alert[1] == USER_CANCELED)
    return 1;
  tls->ended = alert[1] == CLOSE_NOTIFY;
  if (tls->ended)
    return 0;
  const char *name = tls->context->ssl->ERR_reason_error_string(SSL_ALERT_ERROR(alert[1]));
  return tls_fail(tls, -EPROTO, "TLS failed: ", name);
}

static size_t size_of(const uint8_t *message) {
  return (size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3];
}

static bool has_tickets_only(const uint8_t *bytes, size_t length) {
  while (length >= MESSAGE_HEADER_BYTES && bytes[0] == NEW_SESSION_TICKET) {
    size_t size = size_of(bytes);
    if (size > length - MESSAGE_HEADER_BYTES)
      return false;
    bytes += MESSAGE_HEADER_BYTES + size;
    length -= MESSAGE_HEADER_BYTES + size;
  }
  return length == 0;
}

/* The message in `records.message` is whole but for the body of a ticket, which is skipped. */
static int take_message(struct tls *tls, bool ends_record) {
  struct records *records = &tls->records;
  const uint8_t *message = records->message;
  size_t size = size_of(message);
  records->message_bytes = 0;
  if (message[0] == NEW_SESSION_TICKET) {
    records->skipped = size;
    return 1;
  }
  if (message[4] > 1 || !ends_record)
    return refuse(tls, "bad key update");
  if (!traffic_update(&tls->traffic))
    return tls_fail(tls, -EPROTO, "TLS failed: ", "no new key");
  tls->owes_key_update |= message[4] == 1;
  return 1;
}

static int take_messages(struct tls *tls, const uint8_t *bytes, size_t length) {
  struct records *records = &tls->records;
  for (size_t at = 0; at < length;) {
    if (records->skipped > 0) {
      size_t count = records->skipped < length - at ? records->skipped : length - at;
      records->skipped -= count;
      at += count;
      continue;
    }
    records->message[records->message_bytes++] = bytes[at++];
    bool is_ticket = records->message[0] == NEW_SESSION_TICKET;
    if (records->message_bytes < MESSAGE_HEADER_BYTES)
      continue;
    if (!is_ticket && (records->message[0] != KEY_UPDATE || size_of(records->message) != 1))
      return refuse(tls, "unexpected message");
    if (!is_ticket && records->message_bytes < KEY_UPDATE_BYTES)
      continue;
    int result = take_message(tls, at == length);
    if (result != 1)
      return result;
  }
  return 1;
}

/* Tickets are OpenSSL's, which can read them as long as it has had every record before. */
static int take_handshake(struct tls *tls, const uint8_t *bytes, size_t length, size_t record) {
  struct records *records = &tls->records;
  if (length == 0)
    return refuse(tls, "unexpected message");
  records->in_step = records->in_step && has_tickets_only(bytes, length);
  if (!records->in_step)
    return take_messages(tls, bytes, length);
  int result = tls_outcome(tls, show(tls, record));
  return result == -EAGAIN ? 1 : result;
}

/* Finds the type behind the content and before the padding. False if there is none. */
static bool find_type(const uint8_t *inner, size_t length, size_t *content) {
  while (length > 0 && inner[length - 1] == 0)
    length--;
  *content = length - 1;
  return length > 0;
}

static int take_record(struct tls *tls, const uint8_t *inner, size_t length, size_t record) {
  struct records *records = &tls->records;
  bool amid_message = records->message_bytes > 0 || records->skipped > 0;
  uint8_t type = inner[length];
  if (type == DATA && length > 0)
    records->idle = 0;
  else if (++records->idle > IDLE_RECORDS_MAX)
    return refuse(tls, "too many records without data");
  if (type == HANDSHAKE)
    return take_handshake(tls, inner, length, record);
  records->in_step = false;
  if (amid_message || (type != DATA && type != ALERT))
    return refuse(tls, "unexpected message");
  return type == ALERT ? take_alert(tls, inner, length) : 1;
}

/*
 * Opens the next record: into `data` if that has room for all of it, else into `spill`, which is
 * empty. *count is how much data is there now. 1, 0 at the end of the session, or -errno.
 */
static int open_next(struct tls *tls, uint8_t *data, size_t room, size_t *count) {
  size_t length = 0, content;
  *count = 0;
  int result = await_record(tls, &length);
  if (result != 0)
    return result;
  size_t start = tls->input_start, record = HEADER_BYTES + length;
  size_t inner = length - TAG_BYTES;
  bool fits = inner <= room;
  uint8_t *target = fits ? data : tls->spill;
  if (!traffic_open(&tls->traffic, tls->input + start, inner, target))
    return refuse(tls, "decryption failed or bad record mac");
  if (!find_type(target, inner, &content))
    return refuse(tls, "unexpected message");
  result = take_record(tls, target, content, record);
  tls->input_start = start + record;
  if (result != 1 || target[content] != DATA)
    return result;
  if (fits) {
    *count = content;
  } else {
    tls->records.spill_start = 0;
    tls->records.spill_end = content;
  }
  return 1;
}

static size_t take_spilled(struct tls *tls, uint8_t *data, size_t room) {
  struct records *records = &tls->records;
  size_t count = records->spill_end - records->spill_start;
  if (count > room)
    count = room;
  memcpy(data, tls->spill + records->spill_start, count);
  records->spill_start += count;
  return count;
}

ssize_t records_read(struct tls *tls, uint8_t *data, size_t length) {
  size_t total = take_spilled(tls, data, length);
  int result = 1;
  while (total < length && result == 1) {
    size_t count;
    result = open_next(tls, data + total, length - total, &count);
    total += count;
    total += take_spilled(tls, data + total, length - total);
  }
  return total > 0 ? (ssize_t)total : result;
}

bool records_are_drained(struct tls *tls) {
  const struct records *records = &tls->records;
  int result = 1;
  while (result == 1 && records->spill_start == records->spill_end) {
    size_t count;
    if (tls->input_start == tls->input_end)
      return true;
    result = open_next(tls, NULL, 0, &count);
  }
  return result == -EAGAIN;
}
