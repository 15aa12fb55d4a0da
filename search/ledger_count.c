/* What the rows of a ledger add up to, without looking at the rows of evaluations: they hold the scores, twenty
 * kilobytes each, in front of the numbers wanted. An index has these numbers (ledger_schema.c); it is in order of time, so
 * that a row more costs next to nothing. Scores are read only of children that were for a batch of the items and have
 * estimates: a race may have ended them, too. A reader of a ledger of an older program goes without the index, and
 * takes longer. */
#include "search/ledger.h"
#include "search/ledger_file.h"

/* One statement, so that a reader beside a running search sees one moment.
 *
 *   scored     the search split by sessions, and their first and last evaluation of any split
 *   times      first and last of all that was written in a session
 *   estimated  those whose objectives are estimates, and not because only a batch of the items was wanted: SAMPLED is
 *              the children that were for one
 *
 * Children are numbered as they are bred, from 0: the last one tells how many there are. */
#define COUNT(SAMPLED)                                                                                                 \
    "WITH scored AS (SELECT session, MIN(at) AS first, MAX(at) AS last, SUM(split = 'search') AS evaluated,"           \
    "  MAX(CASE WHEN split = 'search' THEN images END) AS most,"                                                       \
    "  SUM(CASE WHEN split = 'search' THEN images END) AS images,"                                                     \
    "  SUM(CASE WHEN split = 'search' THEN seconds END) AS seconds FROM evaluations GROUP BY session),"                \
    " times AS (SELECT session, at AS first, at AS last FROM platform UNION ALL"                                       \
    "  SELECT session, at, at FROM events UNION ALL SELECT session, at, at FROM reference_scores UNION ALL"            \
    "  SELECT session, first, last FROM scored),"                                                                      \
    " estimated AS (SELECT e.images AS images, e.same_as AS same_as"                                                   \
    "  FROM evaluations e CROSS JOIN commits c ON c.child = e.child"                                                   \
    "  WHERE e.split = 'search' AND c.objectives >= '{' AND c.objectives < '|' AND (e.child NOT IN (" SAMPLED ") OR"   \
    "   (SELECT instr(s.score, '\"stopped\":{\"reason\":\"batch\"') FROM evaluations s"                                \
    "    WHERE s.child = e.child AND s.split = 'search') = 0))"                                                        \
    " SELECT (SELECT COALESCE(MAX(child) + 1, 0) FROM children), s.evaluated, c.committed, c.failed, e.stopped,"       \
    "  e.own * s.most - e.images, s.images, s.seconds,"                                                                \
    "  (SELECT COALESCE(SUM(length), 0.0) FROM"                                                                        \
    "   (SELECT MAX(last) - MIN(first) AS length FROM times WHERE session > 0 GROUP BY session))"                      \
    " FROM (SELECT COALESCE(SUM(evaluated), 0) AS evaluated, COALESCE(MAX(most), 0) AS most,"                          \
    "   COALESCE(SUM(images), 0) AS images, COALESCE(SUM(seconds), 0.0) AS seconds FROM scored) s,"                    \
    "  (SELECT COUNT(*) AS committed, COALESCE(SUM(failed <> 0), 0) AS failed FROM commits) c,"                        \
    "  (SELECT COUNT(*) AS stopped, COUNT(*) - COUNT(same_as) AS own,"                                                 \
    "   COALESCE(SUM(CASE WHEN same_as IS NULL THEN images END), 0) AS images FROM estimated) e"

clade_status clade_ledger_count(clade_ledger *ledger, clade_ledger_counts *counts)
{
    *counts = (clade_ledger_counts){0};
    clade_query query =
        clade_query_begin(ledger->db, ledger->version < 2 ? COUNT("") : COUNT("SELECT child FROM batches"));
    if (clade_query_row(&query)) {
        counts->children = (uint64_t)clade_query_integer(&query, 0);
        counts->evaluated = (uint64_t)clade_query_integer(&query, 1);
        counts->committed = (uint64_t)clade_query_integer(&query, 2);
        counts->failed = (uint64_t)clade_query_integer(&query, 3);
        counts->stopped = (uint64_t)clade_query_integer(&query, 4);
        counts->images_saved = (uint64_t)clade_query_integer(&query, 5);
        counts->images = (uint64_t)clade_query_integer(&query, 6);
        counts->seconds = clade_query_real(&query, 7);
        counts->wall_seconds = clade_query_real(&query, 8);
    }
    return clade_query_end(&query);
}
