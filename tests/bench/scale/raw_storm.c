/* What a storm of due jobs costs without Baton: the same tables, the same server, the same client library.
 *
 *   raw_storm WAY SERVER USER PASSWORD JOBS INSTANCES CONNECTIONS
 *
 * naive     for each job GET_LOCK, INSERT, RELEASE_LOCK, on CONNECTIONS connections of each instance: what one writes first
 * bare      500 jobs at a time: one statement of GET_LOCKs, one INSERT in a transaction, one of RELEASE_LOCKs: the physical limit, without
 *           fences, ownership or ends of runs
 * protocol  500 jobs at a time: the statements of Baton's protocol, with fences, the question of ownership, and the ends
 *
 * SERVER is a socket's path or a port of this host. INSTANCES processes race for all JOBS. Prints "SECONDS RUNS CPU": from the moment when
 * all are due to the end of the last one, and the seconds of processor that the processes took.
 */
#include <errno.h>
#include <mysql.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { batch = 500, most_connections = 64 };

static const char *way, *server, *user, *password;
static int jobs, instances, connections;

/* Of all processes. */
struct shared {
  atomic_int ready;
  atomic_int runs;
  _Atomic long long started_ns;
  _Atomic long long ended_ns;
};
static struct shared* all;

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void fail(MYSQL* link, const char* what) {
  fprintf(stderr, "raw_storm: %s: %s\n", what, link == NULL ? strerror(errno) : mysql_error(link));
  exit(1);
}

/* ---- text that grows */

struct text {
  char* at;
  size_t size, room;
};

static void add(struct text* t, const char* format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text* t, const char* format, ...) {
  for (;;) {
    va_list arguments;
    va_start(arguments, format);
    const int needed = vsnprintf(t->at + t->size, t->room - t->size, format, arguments);
    va_end(arguments);
    if (t->size + (size_t)needed < t->room) {
      t->size += (size_t)needed;
      return;
    }
    t->room = (t->room + (size_t)needed) * 2;
    t->at = realloc(t->at, t->room);
    if (t->at == NULL) fail(NULL, "realloc");
  }
}

/* ---- statements */

static MYSQL* open_link(void) {
  MYSQL* link = mysql_init(NULL);
  const int is_socket = server[0] == '/';
  if (mysql_real_connect(link, is_socket ? "localhost" : "127.0.0.1", user, password, "baton", is_socket ? 0 : (unsigned)atoi(server),
                         is_socket ? server : NULL, CLIENT_MULTI_STATEMENTS) == NULL)
    fail(link, "connect");
  static const char settings[] = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
  if (mysql_real_query(link, settings, sizeof settings - 1) != 0) fail(link, settings);
  return link;
}

/* Runs statements; calls `on_row` for each row of result `index`, counted from 0. How many rows the first statement has changed. */
static int run(MYSQL* link, const struct text* sql, int index, void (*on_row)(MYSQL_ROW row, unsigned columns, void* to), void* to) {
  if (mysql_real_query(link, sql->at, sql->size) != 0) fail(link, "query");
  const int changed = (int)mysql_affected_rows(link);
  for (int i = 0;; ++i) {
    MYSQL_RES* result = mysql_store_result(link);
    if (result == NULL && mysql_errno(link) != 0) fail(link, "result");
    if (result != NULL) {
      MYSQL_ROW row;
      while (i == index && (row = mysql_fetch_row(result)) != NULL) on_row(row, mysql_num_fields(result), to);
      mysql_free_result(result);
    }
    const int more = mysql_next_result(link);
    if (more > 0) fail(link, "next result");
    if (more < 0) return changed;
  }
}

static int query(MYSQL* link, const struct text* sql) { return run(link, sql, -1, NULL, NULL); }

/* The jobs that an instance asks for at a time, and what it has of them. */
struct round {
  int job[batch];
  int size;
};

static void keep_true(MYSQL_ROW row, unsigned columns, void* to) {
  struct round* r = to;
  int kept = 0;
  for (unsigned i = 0; i < columns; ++i) {
    if (row[i] != NULL && strcmp(row[i], "1") == 0) r->job[kept++] = r->job[i];
  }
  r->size = kept;
}

static void forget(MYSQL_ROW row, unsigned columns, void* to) {
  struct round* r = to;
  (void)columns;
  for (int i = 0; i < r->size; ++i) {
    if (atoi(row[0] + strlen("job-")) != r->job[i]) continue;
    r->job[i] = r->job[--r->size];
    return;
  }
}

static void ask_for_locks(MYSQL* link, struct text* sql, struct round* r, const char* format) {
  sql->size = 0;
  for (int i = 0; i < r->size; ++i) {
    add(sql, i == 0 ? "SELECT " : ",");
    add(sql, strcmp(format, "get") == 0 ? "GET_LOCK('baton:bench:job-%d',0)" : "RELEASE_LOCK('baton:bench:job-%d')", r->job[i]);
  }
  if (strcmp(format, "get") == 0) {
    run(link, sql, 0, keep_true, r);
  } else if (r->size > 0) {
    query(link, sql);
  }
}

static void add_rows(struct text* sql, const char* verb, const struct round* r, int state) {
  add(sql,
      "%s baton_tick "
      "(cluster,job,tick,kind,lock_name,state,fence,incarnation,instance,attempt,tick_count,claimed,outcome,reason,error,output,changed) "
      "VALUES ",
      verb);
  for (int i = 0; i < r->size; ++i)
    add(sql,
        "%s('bench','job-%d','2026-01-01 "
        "00:00:00.000000',1,'baton:bench:job-%d',%d,1790000000000000,'0123456789abcdef01234567','bench',1,1,UTC_TIMESTAMP(6),0,0,'','',UTC_"
        "TIMESTAMP(6))",
        i == 0 ? "" : ",", r->job[i], r->job[i], state);
}

static void add_names(struct text* sql, const struct round* r, const char* prefix) {
  for (int i = 0; i < r->size; ++i) add(sql, "%s'%sjob-%d'", i == 0 ? "(" : ",", prefix, r->job[i]);
  add(sql, ")");
}

/* ---- the three ways */

static void done(int runs) {
  atomic_fetch_add(&all->runs, runs);
  const long long now = now_ns();
  long long last = atomic_load(&all->ended_ns);
  while (now > last && !atomic_compare_exchange_weak(&all->ended_ns, &last, now)) {
  }
}

static void await_start(void) {
  atomic_fetch_add(&all->ready, 1);
  while (atomic_load(&all->started_ns) == 0) usleep(200);
  while (now_ns() < atomic_load(&all->started_ns)) usleep(100);
}

static atomic_int next_job;

static void* naive(void* unused) {
  (void)unused;
  MYSQL* link = open_link();
  struct text sql = {malloc(4096), 0, 4096};
  await_start();
  int job;
  while ((job = atomic_fetch_add(&next_job, 1)) < jobs) {
    struct round r = {.size = 1};
    r.job[0] = job;
    ask_for_locks(link, &sql, &r, "get");
    if (r.size == 0) continue;
    sql.size = 0;
    add_rows(&sql, "INSERT IGNORE INTO", &r, 4);
    const int has_run = query(link, &sql) == 1;
    ask_for_locks(link, &sql, &r, "release");
    if (has_run) done(1);
  }
  return NULL;
}

static int insert_bare(MYSQL* link, struct text* sql, struct round* r) {
  sql->size = 0;
  add(sql, "START TRANSACTION");
  query(link, sql);
  sql->size = 0;
  add_rows(sql, "INSERT IGNORE INTO", r, 4);
  const int written = query(link, sql);
  sql->size = 0;
  add(sql, "COMMIT");
  query(link, sql);
  return written;
}

static int claim_and_finish(MYSQL* link, struct text* sql, struct round* r, unsigned long lock_connection) {
  sql->size = 0;
  add(sql, "START TRANSACTION;SELECT lock_name,fence FROM baton_fence FORCE INDEX (PRIMARY) WHERE lock_name IN ");
  add_names(sql, r, "baton:bench:");
  add(sql,
      " ORDER BY lock_name FOR UPDATE SKIP LOCKED;SELECT job,tick,kind,lock_name,state,fence,incarnation FROM baton_tick FORCE INDEX "
      "(open_rows) WHERE cluster='bench' AND state IN (1,2,3) AND lock_name IN ");
  add_names(sql, r, "baton:bench:");
  add(sql, ";SELECT job,effective_since,low_water,stopped FROM baton_job WHERE cluster='bench' AND job IN ");
  add_names(sql, r, "");
  add(sql,
      ";SELECT job,tick,state FROM baton_tick FORCE INDEX (PRIMARY) WHERE cluster='bench' AND tick='2026-01-01 00:00:00.000000' AND kind=1 "
      "AND job IN ");
  add_names(sql, r, "");
  add(sql, ";SELECT UTC_TIMESTAMP(6)");
  run(link, sql, 4, forget, r);
  sql->size = 0;
  if (r->size == 0) {
    add(sql, "ROLLBACK");
    query(link, sql);
    return 0;
  }
  add_rows(sql, "INSERT INTO", r, 1);
  add(sql, ";UPDATE baton_fence SET fence=1790000000000000 WHERE lock_name IN ");
  add_names(sql, r, "baton:bench:");
  for (int i = 0; i < r->size; ++i)
    add(sql, "%sCOALESCE(IS_USED_LOCK('baton:bench:job-%d')=%lu,0)", i == 0 ? ";SELECT " : ",", r->job[i], lock_connection);
  run(link, sql, 2, keep_true, r);
  sql->size = 0;
  add(sql, "COMMIT");
  query(link, sql);
  sql->size = 0;
  add(sql, "START TRANSACTION;");
  for (int i = 0; i < r->size; ++i)
    add(sql,
        "UPDATE baton_tick SET "
        "state=4,outcome=1,reason=0,started=UTC_TIMESTAMP(6),finished=UTC_TIMESTAMP(6),retry_at=NULL,error='',output='',changed=UTC_"
        "TIMESTAMP(6) WHERE cluster='bench' AND job='job-%d' AND tick='2026-01-01 00:00:00.000000' AND kind=1 AND state=1 AND "
        "fence=1790000000000000;",
        r->job[i]);
  add(sql, "COMMIT");
  query(link, sql);
  return r->size;
}

static void in_batches(int instance, int is_bare) {
  MYSQL* locks = open_link();
  MYSQL* ledger = open_link();
  struct text sql = {malloc(1 << 20), 0, 1 << 20};
  await_start();
  const int first = (int)((long long)jobs * instance / instances);
  for (int at = 0; at < jobs; at += batch) {
    struct round r = {.size = 0};
    for (int i = at; i < at + batch && i < jobs; ++i) r.job[r.size++] = (first + i) % jobs;
    ask_for_locks(locks, &sql, &r, "get");
    struct round held = r;
    if (r.size > 0) done(is_bare ? insert_bare(ledger, &sql, &r) : claim_and_finish(ledger, &sql, &r, mysql_thread_id(locks)));
    ask_for_locks(locks, &sql, &held, "release");
  }
}

static void work(int instance) {
  if (strcmp(way, "naive") != 0) {
    in_batches(instance, strcmp(way, "bare") == 0);
    return;
  }
  pthread_t threads[most_connections];
  for (int i = 0; i < connections; ++i) {
    if (pthread_create(&threads[i], NULL, naive, NULL) != 0) fail(NULL, "pthread_create");
  }
  for (int i = 0; i < connections; ++i) pthread_join(threads[i], NULL);
}

int main(int argc, char** argv) {
  if (argc != 8) return 64;
  way = argv[1];
  server = argv[2];
  user = argv[3];
  password = argv[4];
  jobs = atoi(argv[5]);
  instances = atoi(argv[6]);
  connections = atoi(argv[7]);
  if (jobs < 1 || instances < 1 || connections < 1 || connections > most_connections) return 64;
  all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) fail(NULL, "mmap");
  mysql_library_init(0, NULL, NULL);
  for (int i = 0; i < instances; ++i) {
    const pid_t child = fork();
    if (child < 0) fail(NULL, "fork");
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      work(i);
      _exit(0);
    }
  }
  const int parties = strcmp(way, "naive") == 0 ? instances * connections : instances;
  while (atomic_load(&all->ready) < parties) {
    usleep(1000);
    if (waitpid(-1, NULL, WNOHANG) > 0) fail(NULL, "an instance ended early");
  }
  const long long start = now_ns() + 200 * 1000000LL;
  atomic_store(&all->started_ns, start);
  int status, ok = 1;
  while (wait(&status) > 0) ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!ok) return 1;
  struct rusage used;
  getrusage(RUSAGE_CHILDREN, &used);
  const double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  printf("%.6f %d %.3f\n", (double)(atomic_load(&all->ended_ns) - start) / 1e9, atomic_load(&all->runs), cpu);
  return 0;
}
