/* A stand-in prediction server that costs next to nothing.
 *
 * It listens on a loopback port that the kernel chooses and prints it. It counts the records of each CSV
 * body as it arrives (quotes followed, empty lines not counted) and answers with as many rows of a text that
 * was made once. It ends, and prints what it served, when its standard input ends.
 *
 *     cc -O2 -pthread -o server server.c
 *     ./server [--delay MILLISECONDS]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROWS 5000000L /* in one request */
#define ROW_BYTES 256L    /* no prepared row is longer */
#define PREPARED_ROWS 40000L
#define HEAD_BYTES 65536
#define PIECE_BYTES 262144

/* The predecessor takes no answer without the last of these. */
static const char ANSWER_HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                                  "X-DataRobot-Execution-Time: 1\r\n\r\n";
static const char ANSWER_START[] = "{\"data\": [";
static const char ANSWER_END[] = "]}";

static long delay_ms;
static long served_requests, served_rows, served_bytes;

/* The prepared text: the rows with ", " between them. `row_end[n]` is the length of the first n rows. Both are
 * reserved at their largest size and filled on demand, so that a reader never sees them move. */
static char *rows_text;
static size_t *row_end;
static long rows_ready;
static pthread_mutex_t rows_lock = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void *reserve(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    return memory;
}

/* xorshift64*: the same values in every run. */
static double next_random(void)
{
    static uint64_t state = 88172645463325252ULL;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (double)((state * 2685821657736338717ULL) >> 11) / 9007199254740992.0;
}

/* The shortest text that reads back as the same number: 15 to 17 digits. */
static void print_number(char *text, size_t size, double value)
{
    int digits;
    for (digits = 15; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

static size_t print_row(char *text, long row)
{
    char first[32], second[32];
    double value = next_random();
    print_number(first, sizeof first, value);
    print_number(second, sizeof second, 1.0 - value);
    return (size_t)snprintf(text, ROW_BYTES,
                            "%s{\"rowId\": %ld, \"prediction\": %s, \"predictionThreshold\": 0.5, "
                            "\"predictionValues\": [{\"label\": 1.0, \"value\": %s}, {\"label\": 0.0, \"value\": %s}]}",
                            row ? ", " : "", row, value > 0.5 ? "1.0" : "0.0", first, second);
}

static void prepare_rows(long wanted)
{
    if (__atomic_load_n(&rows_ready, __ATOMIC_ACQUIRE) >= wanted)
        return;
    pthread_mutex_lock(&rows_lock);
    long row = rows_ready;
    for (; row < wanted; row++)
        row_end[row + 1] = row_end[row] + print_row(rows_text + row_end[row], row);
    __atomic_store_n(&rows_ready, row, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&rows_lock);
}

/* How far the count of one body has come. */
struct counter {
    long records;
    int in_quotes;
    unsigned char last;       /* the byte before the next piece */
    unsigned char just_closed; /* it was a quote that ended a quoted part */
};

static const struct counter COUNTER_START = {0, 0, '\n', 0};

/* Counts line ends that end a line which is not empty: LF, CRLF and CR alike. */
__attribute__((optimize("O3")))
static long count_line_ends(const unsigned char *text, size_t size, unsigned char before)
{
    long count = 0;
    size_t i = 1;
    if (size == 0)
        return 0;
    count += (text[0] == '\n' || text[0] == '\r') && before != '\n' && before != '\r';
    while (i < size) {
        size_t stop = size - i > 248 ? i + 248 : size;
        unsigned char few = 0; /* one byte a lane is what lets the compiler take 16 at once */
        for (; i < stop; i++)
            few += ((text[i] == '\n') | (text[i] == '\r')) & (text[i - 1] != '\n') & (text[i - 1] != '\r');
        count += few;
    }
    return count;
}

static void count_records(struct counter *state, const unsigned char *text, size_t size)
{
    const unsigned char *here = text, *end = text + size;
    while (here < end) {
        const unsigned char *quote = memchr(here, '"', (size_t)(end - here));
        const unsigned char *stop = quote ? quote : end;
        if (stop > here) {
            if (!state->in_quotes)
                state->records += count_line_ends(here, (size_t)(stop - here), state->last);
            state->last = stop[-1];
            state->just_closed = 0;
        }
        if (!quote)
            return;
        if (state->in_quotes) {
            state->in_quotes = 0;
            state->just_closed = 1;
        } else {
            state->in_quotes = state->just_closed || memchr(",\n\r", state->last, 3) != NULL;
            state->just_closed = 0;
        }
        state->last = '"';
        here = quote + 1;
    }
}

static long rows_counted(const struct counter *state)
{
    int unfinished = state->last != '\n' && state->last != '\r';
    long rows = state->records + unfinished - 1; /* the header */
    return rows > 0 ? rows : 0;
}

/* Sends all parts or reports failure; `parts` is used up. */
static int send_all(int connection, struct iovec *parts, int count)
{
    while (count > 0) {
        ssize_t sent = writev(connection, parts, count);
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        while (count > 0 && (size_t)sent >= parts->iov_len) {
            sent -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
    return 0;
}

static int send_text(int connection, const char *status, const char *body)
{
    char text[512];
    int size = snprintf(text, sizeof text,
                        "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        status, strlen(body), body);
    struct iovec part = {text, (size_t)size};
    return send_all(connection, &part, 1);
}

static int send_predictions(int connection, long rows)
{
    char head[256];
    struct iovec parts[4];
    if (rows == 0)
        return send_text(connection, "422 Unprocessable Entity", "{\"message\": \"No data to predict on.\"}");
    if (rows > MAX_ROWS)
        return send_text(connection, "413 Payload Too Large", "{\"message\": \"too many rows\"}");
    prepare_rows(rows);
    size_t size = sizeof ANSWER_START - 1 + row_end[rows] + sizeof ANSWER_END - 1;
    parts[0].iov_base = head;
    parts[0].iov_len = (size_t)snprintf(head, sizeof head, ANSWER_HEAD, size);
    parts[1].iov_base = (void *)ANSWER_START;
    parts[1].iov_len = sizeof ANSWER_START - 1;
    parts[2].iov_base = rows_text;
    parts[2].iov_len = row_end[rows];
    parts[3].iov_base = (void *)ANSWER_END;
    parts[3].iov_len = sizeof ANSWER_END - 1;
    return send_all(connection, parts, 4);
}

/* The value of a header in a head that ends with an empty line, or NULL. */
static const char *header(const char *head, const char *name)
{
    size_t size = strlen(name);
    const char *line = strstr(head, "\r\n");
    for (; line; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, size) == 0 && line[2 + size] == ':')
            return line + 3 + size + strspn(line + 3 + size, " \t");
    return NULL;
}

static int value_is(const char *value, const char *word)
{
    return value && strncasecmp(value, word, strlen(word)) == 0;
}

/* One connection: its buffer holds `filled` bytes that are not yet used. */
struct connection {
    int socket;
    size_t filled;
    char head[HEAD_BYTES + 1];
    unsigned char buffer[PIECE_BYTES];
};

/* Reads up to the empty line; the head is moved to `head` as a string. Returns -1 at the end of the connection. */
static int read_head(struct connection *c)
{
    for (;;) {
        unsigned char *end = memmem(c->buffer, c->filled, "\r\n\r\n", 4);
        if (end) {
            size_t size = (size_t)(end - c->buffer) + 4;
            if (size > HEAD_BYTES)
                return -1;
            memcpy(c->head, c->buffer, size);
            c->head[size] = 0;
            c->filled -= size;
            memmove(c->buffer, c->buffer + size, c->filled);
            return 0;
        }
        if (c->filled >= HEAD_BYTES)
            return -1;
        ssize_t got = recv(c->socket, c->buffer + c->filled, PIECE_BYTES - c->filled, 0);
        if (got <= 0)
            return -1;
        c->filled += (size_t)got;
    }
}

/* Reads a body and counts its rows. Returns -1 when the connection ends first. */
static long read_body(struct connection *c, size_t left)
{
    struct counter state = COUNTER_START;
    size_t take = c->filled < left ? c->filled : left;
    count_records(&state, c->buffer, take);
    c->filled -= take;
    memmove(c->buffer, c->buffer + take, c->filled);
    left -= take;
    while (left > 0) {
        ssize_t got = recv(c->socket, c->buffer, left < PIECE_BYTES ? left : PIECE_BYTES, 0);
        if (got <= 0)
            return -1;
        count_records(&state, c->buffer, (size_t)got);
        left -= (size_t)got;
    }
    return rows_counted(&state);
}

static void wait_delay(void)
{
    struct timespec pause = {delay_ms / 1000, delay_ms % 1000 * 1000000L};
    if (delay_ms)
        while (nanosleep(&pause, &pause) && errno == EINTR)
            ;
}

static int asks_for_token(const char *head)
{
    const char *line_end = strstr(head, "\r\n");
    const char *token = strstr(head, "/api_token");
    return token && token < line_end;
}

/* Answers one request. Returns -1 when the connection is to be closed. */
static int serve_request(struct connection *c)
{
    if (read_head(c))
        return -1;
    const char *length = header(c->head, "Content-Length");
    if (value_is(header(c->head, "Expect"), "100-continue")) {
        struct iovec go_on = {"HTTP/1.1 100 Continue\r\n\r\n", 25};
        if (send_all(c->socket, &go_on, 1))
            return -1;
    }
    if (header(c->head, "Transfer-Encoding")) {
        send_text(c->socket, "411 Length Required", "{\"message\": \"chunked requests are not read\"}");
        return -1;
    }
    size_t size = length ? strtoul(length, NULL, 10) : 0;
    long rows = read_body(c, size);
    if (rows < 0)
        return -1;
    int failed;
    if (asks_for_token(c->head)) {
        failed = send_text(c->socket, "200 OK", "{\"api_token\": \"t\"}");
    } else if (strncmp(c->head, "POST ", 5) != 0) {
        failed = send_text(c->socket, "405 Method Not Allowed", "{\"message\": \"POST, please\"}");
    } else if (header(c->head, "Content-Encoding")) {
        failed = send_text(c->socket, "415 Unsupported Media Type", "{\"message\": \"plain bodies only\"}");
    } else {
        wait_delay();
        __atomic_add_fetch(&served_requests, 1, __ATOMIC_RELAXED);
        __atomic_add_fetch(&served_rows, rows, __ATOMIC_RELAXED);
        __atomic_add_fetch(&served_bytes, (long)size, __ATOMIC_RELAXED);
        failed = send_predictions(c->socket, rows);
    }
    return failed || value_is(header(c->head, "Connection"), "close") ? -1 : 0;
}

static void *serve_connection(void *argument)
{
    struct connection *c = malloc(sizeof *c);
    int yes = 1;
    if (!c)
        die("malloc");
    c->socket = (int)(intptr_t)argument;
    c->filled = 0;
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    while (serve_request(c) == 0)
        ;
    close(c->socket);
    free(c);
    return NULL;
}

static int listen_on_loopback(void)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 512) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void *end_with_standard_input(void *unused)
{
    struct rusage usage;
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    getrusage(RUSAGE_SELF, &usage);
    printf("%ld %ld %ld %.3f\n", served_requests, served_rows, served_bytes,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    fflush(stdout);
    _exit(0);
    return unused;
}

static void start_thread(void *(*work)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, argument))
        die("pthread_create");
    pthread_detach(thread);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--delay") == 0) {
        delay_ms = atol(argv[2]);
    } else if (argc != 1) {
        fprintf(stderr, "usage: server [--delay MILLISECONDS]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    rows_text = reserve((size_t)(MAX_ROWS * ROW_BYTES));
    row_end = reserve((size_t)(MAX_ROWS + 1) * sizeof *row_end);
    prepare_rows(PREPARED_ROWS);
    int listener = listen_on_loopback();
    start_thread(end_with_standard_input, NULL);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection >= 0)
            start_thread(serve_connection, (void *)(intptr_t)connection);
        else if (errno != EINTR && errno != ECONNABORTED)
            die("accept");
    }
}
