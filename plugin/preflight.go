package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// ErrNotMaster says that this node is not the master: nothing is done here.
var ErrNotMaster = errors.New("this node is not the master")

// ErrQueueDrained says that the job queue accepts no jobs.
var ErrQueueDrained = errors.New("the job queue is drained: gnt-cluster queue undrain")

// PausedError says that the watcher is paused, and with it auto-repair.
type PausedError struct{ Until time.Time }

func (e *PausedError) Error() string {
	return "the watcher is paused until " + e.Until.Format("2006-01-02 15:04:05 MST") + ": gnt-cluster watcher continue"
}

// Preflight asks luxid whether a pass may act: on the master only, not while
// the watcher is paused (unless ignored), not while no jobs are accepted (W1). With a
// drained queue a pass is done all the same, with QueueDrained set: what is queued can
// still be taken back.
func Preflight(ctx context.Context, c *luxi.Client, hostname string, now time.Time, ignorePause bool) error {
	v, err := c.QueryConfigValues(ctx)
	if err != nil {
		return fmt.Errorf("asking for the master: %w", err)
	}
	switch {
	case !repair.SameNode(hostname, v.MasterNode):
		return fmt.Errorf("%w: the master is %s, this is %s", ErrNotMaster, v.MasterNode, hostname)
	case !ignorePause && v.WatcherPause.After(now):
		return &PausedError{Until: v.WatcherPause}
	case v.Drained:
		return ErrQueueDrained
	}
	return nil
}
