package luxi

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// WaitsForLock reports whether the job has asked for a lock that it does not have
// yet, see LockWaiters.
func (c *Client) WaitsForLock(ctx context.Context, id JobID) (bool, error) {
	waiters, err := c.LockWaiters(ctx)
	return waiters[id], err
}

// LockWaiters returns the jobs that have asked for a lock that they do not have
// yet. The status of a job does not tell: it is "waiting" before it asks, too. The
// answer is wconfd's, by way of luxid (the field pending of locks, lib/query.py).
func (c *Client) LockWaiters(ctx context.Context) (map[JobID]bool, error) {
	t, err := c.Query(ctx, ResLock, []string{"pending"}, nil)
	if err != nil {
		return nil, err
	}
	jobs := make(map[JobID]bool)
	for row := range t.Rows {
		var pending []waiters
		if err := t.Scan(row, &pending); err != nil {
			return nil, err
		}
		for _, w := range pending {
			for _, job := range w.jobs {
				if id, err := strconv.ParseInt(job, 10, 64); err == nil {
					jobs[JobID(id)] = true
				}
			}
		}
	}
	return jobs, nil
}

// waiters are those that wait for a lock in one mode, told as the pair of both.
type waiters struct{ jobs []string }

// UnmarshalJSON reads the pair that Ganeti uses.
func (w *waiters) UnmarshalJSON(b []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(b, &pair); err != nil {
		return fmt.Errorf("pending: %w", err)
	}
	if err := json.Unmarshal(pair[1], &w.jobs); err != nil {
		return fmt.Errorf("pending: jobs: %w", err)
	}
	return nil
}
