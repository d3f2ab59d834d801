package luxi

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// What looking jobs up costs. luxid keeps no index: it lists the directories of the
// queue and of the archive, and reads the file of each job that it has to know more
// of than its number, 0.1 to 0.2 ms each. The archive has the jobs of 21 days. A
// comparison with "id" spares reading the files of the jobs that it excludes, but
// only if it comes first in the filter, as luxid stops at the first field that it
// does not know without the file (queryJobs in src/Ganeti/Query/Query.hs,
// evaluateFilterM in src/Ganeti/Query/Filter.hs). No other comparison spares
// anything but the answer's size.

// From returns a filter for ListJobs: the jobs whose numbers are at least first, and
// that match all the other filters.
func From(first JobID, others ...Filter) Filter {
	return And(append([]Filter{Ge("id", first)}, others...)...)
}

// FindJobs returns the jobs, live and archived, whose numbers are at least first and
// that have an opcode of one of the given ids, in the order of their numbers. It
// costs reading the file of each job from first on.
func (c *Client) FindJobs(ctx context.Context, first JobID, opIDs ...string) ([]JobInfo, error) {
	wanted := make(map[string]bool, len(opIDs))
	for _, id := range opIDs {
		wanted[strings.TrimPrefix(id, "OP_")] = true
	}
	var ids []JobID
	// Asking for "archived" makes luxid list the archive.
	err := c.queryRows(ctx, []string{"id", "summary", "archived"}, From(first), func(t *Table, row int) error {
		var id JobID
		var summary Value[[]string]
		if err := t.Scan(row, &id, &summary, nil); err != nil {
			return err
		}
		for _, line := range summary.V {
			name, _, _ := strings.Cut(line, "(")
			if wanted[name] {
				ids = append(ids, id)
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	jobs, err := c.QueryJobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	known := jobs[:0]
	for _, job := range jobs {
		if job.Known { // it may have been purged meanwhile
			known = append(known, job)
		}
	}
	return known, nil
}

// NewestJob returns the greatest number of a job in the queue or the archive, and
// atLeast-1 if none is as great as atLeast. It costs reading the files of the
// archived jobs from atLeast on, or from the newest one in the queue on, if that is
// greater.
func (c *Client) NewestJob(ctx context.Context, atLeast JobID) (JobID, error) {
	newest := atLeast - 1
	for _, fields := range [][]string{{"id"}, {"id", "archived"}} {
		err := c.queryRows(ctx, fields, From(newest+1), func(t *Table, row int) error {
			var id JobID
			if err := t.Scan(row, append([]any{&id}, make([]any, len(fields)-1)...)...); err != nil {
				return err
			}
			if id > newest {
				newest = id
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return newest, nil
}

// queryRows queries jobs and has each row read. An error of read is a ProtocolError.
func (c *Client) queryRows(ctx context.Context, fields []string, filter Filter, read func(t *Table, row int) error) error {
	return c.query(ctx, ResJob, fields, filter, func(t *Table) error {
		for row := range t.Rows {
			if err := read(t, row); err != nil {
				return &ProtocolError{Method: "Query", Problem: err.Error()}
			}
		}
		return nil
	})
}

// searchWidth is how many jobs FirstJobSince looks at in a step.
const searchWidth = 16

// FirstJobSince returns a number from which on all jobs are that luxid received at
// or after since. Some older jobs may follow it. newest is that of the newest job,
// from which the search starts; the number after it is returned if all are older.
// It costs reading the files of some dozens of jobs.
func (c *Client) FirstJobSince(ctx context.Context, since time.Time, newest JobID) (JobID, error) {
	// Jobs below low are older, those from high on are not. Purged jobs, and numbers
	// that were skipped, tell nothing.
	low, high := JobID(1), newest+1
	var ids []JobID
	for back := JobID(1); high-back >= low && back > 0; back *= 2 {
		ids = append([]JobID{high - back}, ids...)
	}
	for len(ids) > 0 {
		received, err := c.received(ctx, ids)
		if err != nil {
			return 0, err
		}
		narrowed := false
		for _, id := range ids {
			at, known := received[id]
			if !known {
				continue
			}
			narrowed = true
			if !at.Before(since) {
				high = id
				break
			}
			low = id + 1
		}
		if !narrowed || high-low <= searchWidth {
			break
		}
		ids = ids[:0]
		for k := JobID(1); k <= searchWidth; k++ {
			// Of two neighbours one may have been skipped.
			id := low + (high-low)/(searchWidth+1)*k
			ids = append(ids, id, id+1)
		}
	}
	return low, nil
}

// received returns when jobs were received, of those that exist.
func (c *Client) received(ctx context.Context, ids []JobID) (map[JobID]time.Time, error) {
	times := make(map[JobID]time.Time, len(ids))
	err := c.queryJobRows(ctx, ids, []string{"received_ts"}, func(id JobID, row []json.RawMessage) error {
		if row == nil {
			return nil
		}
		var pair [2]int64
		if err := decode(row[0], &pair); err != nil {
			return err
		}
		at, err := jobTime(pair)
		if err != nil {
			return fmt.Errorf("received: %w", err)
		}
		times[id] = at
		return nil
	})
	return times, err
}
