package tagstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
)

// Change is a change of the tags of one object. The tags in Before are removed
// first, then those in Add are added, then those in Remove are removed. A reader
// always sees the old tag, the new one, or both (T6, T7). Before is for tags that are
// merely old: a crash after it leaves nothing that would never be tidied (T9).
type Change struct {
	Kind   luxi.TagKind
	Name   string // the object's name, empty for the cluster; Ganeti takes no UUID here
	Before []string
	Add    []string
	Remove []string
	Why    string // text of the reason trail, ASCII
	// Note has a job submitted even if no tag changes, because its reason trail is
	// the record in the queue of what a person said (S15, S18).
	Note bool
}

// Empty reports whether there is nothing to submit.
func (c Change) Empty() bool { return !c.Note && c.noTags() }

func (c Change) noTags() bool { return len(c.Before) == 0 && len(c.Add) == 0 && len(c.Remove) == 0 }

// OpCodes returns the number of opcodes, each a write of the whole
// configuration, that the change costs.
func (c Change) OpCodes() int {
	n := 0
	if len(c.Before) > 0 {
		n++
	}
	if len(c.Add) > 0 || c.Note && c.noTags() {
		n++
	}
	if len(c.Remove) > 0 {
		n++
	}
	return n
}

// after returns what is left of the change when its first opcodes are done.
func (c Change) after(done int) Change {
	for _, tags := range []*[]string{&c.Before, &c.Add, &c.Remove} {
		if done > 0 && len(*tags) > 0 {
			*tags = nil
			done--
		}
	}
	return c
}

// Writer writes tags. Ganeti has no call for that, so it submits jobs.
type Writer struct {
	Client *luxi.Client
	Source string // the source in reason trails: the program's name
	// User is why a person wants the change; it stands in reason trails as what is
	// given to gnt-* with --reason does. Empty where nobody was asked.
	User string
	Now  func() time.Time // the clock for reason trails and waiting times
	// Window is how many of a batch's jobs are in the queue at a time; 0 is no
	// bound. Tag jobs go ahead of other jobs, and the configuration is written by
	// one job after the other, so more of them would only take slots of the queue.
	// Jobs that were canceled because they wait for a lock come on top, at most as
	// many again.
	Window int
	// Idle is called when nothing has happened to a batch for two seconds, with the
	// jobs of the changes that have not been made, by their index; nil if nobody wants
	// to know. It must not take long.
	Idle func(ctx context.Context, jobs map[int]luxi.JobID)
	// Grace is how long the answer to a submission is waited for after the context has
	// ended. Without it jobs may be there that nobody knows of, and so cannot cancel.
	Grace time.Duration
	// PerJob is how many changes share a job at most: starting a job's process
	// takes longer than writing a tag. Each is reported as its own opcodes end.
	// One that fails, or waits for a lock, is split off from the others (C5). 0
	// and 1 give each change a job of its own.
	PerJob int
	// LockWait is how long a change may wait for a lock before it fails with
	// ErrLocked. 0 leaves that to the caller, who can call Abandon. A job that waits
	// for long hears of its cancellation late, as it looks for that only between its
	// attempts to get the lock, which become longer: 5, 8, 14, 29, 72 seconds
	// (lib/mcpu.py LockAttemptTimeoutStrategy).
	LockWait time.Duration
}

// priority is the priority of all tag jobs. They are short, and a repair waits for
// them, so they go ahead of jobs of normal priority.
const priority = -10

// check returns an error for a change that luxid would refuse together with all
// others of the call, so that one bad object affects that object alone (C5).
func (c Change) check() error {
	all := append(append(append([]string(nil), c.Before...), c.Add...), c.Remove...)
	for _, tag := range all {
		if tag == "" || len(tag) > MaxLength {
			return fmt.Errorf("tag %q has %d characters, allowed are 1 to %d", tag, len(tag), MaxLength)
		}
	}
	for _, s := range append(all, c.Name, c.Why) {
		if strings.IndexFunc(s, func(r rune) bool { return r > '~' }) >= 0 {
			return fmt.Errorf("%q has characters outside ASCII, which luxid cannot write", s)
		}
	}
	return nil
}

// Job returns the opcodes that make the change, in one job.
func (w *Writer) Job(c Change) []luxi.OpCode {
	common := luxi.Common{
		Reason:   []luxi.ReasonEntry{{Source: w.Source, Text: c.Why, Time: w.Now()}},
		Priority: priority,
	}
	if w.User != "" {
		common.Reason = append(common.Reason, luxi.ReasonEntry{Source: luxi.ReasonUser, Text: w.User, Time: w.Now()})
	}
	var ops []luxi.OpCode
	if len(c.Before) > 0 {
		ops = append(ops, &luxi.TagsDel{Common: common, Kind: c.Kind, Name: c.Name, Tags: c.Before})
	}
	if len(c.Add) > 0 || c.Note && c.noTags() {
		// Adding no tags succeeds (lib/cmdlib/tags.py LUTagsSet).
		ops = append(ops, &luxi.TagsSet{Common: common, Kind: c.Kind, Name: c.Name, Tags: c.Add})
	}
	if len(c.Remove) > 0 {
		ops = append(ops, &luxi.TagsDel{Common: common, Kind: c.Kind, Name: c.Name, Tags: c.Remove})
	}
	return ops
}
