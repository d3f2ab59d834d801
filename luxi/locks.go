package luxi

import (
	"context"
	"strconv"
	"strings"
)

// LockAll is the Object of a lock that stands for all objects of its level.
const LockAll = "[lockset]"

// Lock is a lock that jobs hold or wait for (src/Ganeti/Locking/Locks.hs).
type Lock struct {
	// Level is "cluster", "instance", "nodegroup", "node", "node-res" or "network".
	Level string
	// Object is the name of an instance, the UUID of any other object, LockAll, or
	// "BGL" and "config" at the level "cluster".
	Object    string
	Exclusive bool    // Exclusive is whether its holder has it alone.
	Holders   []JobID // Holders are the jobs that have it.
	Waiters   []JobID // Waiters are the jobs that have asked for it.
}

// QueryLocks returns the locks that a job holds or waits for, as wconfd has them.
func (c *Client) QueryLocks(ctx context.Context) ([]Lock, error) {
	t, err := c.Query(ctx, ResLock, []string{"name", "mode", "owner", "pending"}, nil)
	if err != nil {
		return nil, err
	}
	var locks []Lock
	for row := range t.Rows {
		var name string
		var mode *string
		var owner []string
		var pending []lockRequest
		if err := t.Scan(row, &name, &mode, &owner, &pending); err != nil {
			return nil, err
		}
		l := Lock{Exclusive: mode != nil && *mode == "exclusive", Holders: jobsOf(nil, owner)}
		l.Level, l.Object, _ = strings.Cut(name, "/")
		for _, p := range pending {
			l.Waiters = jobsOf(l.Waiters, p.owners)
		}
		if len(l.Holders)+len(l.Waiters) > 0 {
			locks = append(locks, l)
		}
	}
	return locks, nil
}

// WaitsForLock reports whether the job has asked for a lock that it does not have
// yet, see LockWaiters.
func (c *Client) WaitsForLock(ctx context.Context, id JobID) (bool, error) {
	waiters, err := c.LockWaiters(ctx)
	return waiters[id], err
}

// LockWaiters returns the jobs that have asked for a lock that they do not have yet.
// The status of a job does not answer this: a job is "waiting" before it asks, too.
func (c *Client) LockWaiters(ctx context.Context) (map[JobID]bool, error) {
	t, err := c.Query(ctx, ResLock, []string{"pending"}, nil)
	if err != nil {
		return nil, err
	}
	jobs := make(map[JobID]bool)
	for row := range t.Rows {
		var pending []lockRequest
		if err := t.Scan(row, &pending); err != nil {
			return nil, err
		}
		for _, p := range pending {
			for _, id := range jobsOf(nil, p.owners) {
				jobs[id] = true
			}
		}
	}
	return jobs, nil
}

// jobsOf appends the jobs among the owners of a lock to list. Others than jobs, such
// as daemons, have names (ClientType in src/Ganeti/Locking/Locks.hs).
func jobsOf(list []JobID, owners []string) []JobID {
	for _, owner := range owners {
		if id, err := strconv.ParseInt(owner, 10, 64); err == nil {
			list = append(list, JobID(id))
		}
	}
	return list
}

// lockRequest is a pair of the mode and of those that ask for a lock in it.
type lockRequest struct{ owners []string }

// UnmarshalJSON reads the pair that Ganeti uses.
func (r *lockRequest) UnmarshalJSON(b []byte) error { return scanList(b, nil, &r.owners) }
