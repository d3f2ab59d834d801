package luxi

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// WaitsForLock reports whether the job has asked for a lock that it does not have
// yet. Its status does not tell: a job is "waiting" before it asks, too. The answer
// is wconfd's, by way of luxid (the field pending of locks, lib/query.py).
func (c *Client) WaitsForLock(ctx context.Context, id JobID) (bool, error) {
	t, err := c.Query(ctx, ResLock, []string{"pending"}, nil)
	if err != nil {
		return false, err
	}
	for row := range t.Rows {
		var pending []waiters
		if err := t.Scan(row, &pending); err != nil {
			return false, err
		}
		for _, w := range pending {
			for _, job := range w.jobs {
				if job == strconv.FormatInt(int64(id), 10) {
					return true, nil
				}
			}
		}
	}
	return false, nil
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
