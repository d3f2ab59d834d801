package tagstore

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
)

// Change is a change of the tags of one object: the tags to add are added
// first, then the tags to remove are removed, so that no reader ever sees
// neither (T6, T7). What is only old goes before that, so that a crash in
// between leaves nothing that nobody would ever tidy (T9).
type Change struct {
	Kind   luxi.TagKind
	Name   string // the object's name, empty for the cluster; Ganeti takes no UUID here
	Before []string
	Add    []string
	Remove []string
	Why    string // text of the reason trail, ASCII
}

// Empty reports whether the change changes nothing.
func (c Change) Empty() bool { return len(c.Before) == 0 && len(c.Add) == 0 && len(c.Remove) == 0 }

// OpCodes returns the number of opcodes, each a write of the whole
// configuration, that the change costs.
func (c Change) OpCodes() int {
	n := 0
	if len(c.Before) > 0 {
		n++
	}
	if len(c.Add) > 0 {
		n++
	}
	if len(c.Remove) > 0 {
		n++
	}
	return n
}

// after is what is left of the change when its first opcodes are done.
func (c Change) after(done int) Change {
	for _, tags := range []*[]string{&c.Before, &c.Add, &c.Remove} {
		if done > 0 && len(*tags) > 0 {
			*tags = nil
			done--
		}
	}
	return c
}

// Writer writes tags, through jobs of its own: Ganeti knows no other way.
type Writer struct {
	Client *luxi.Client
	Source string           // the reason trail's source: the program's name
	Now    func() time.Time // clock for reason trails
	// Window is how many of a batch's jobs are in the queue at a time. They go
	// ahead of other jobs, so more of them than the configuration can be written
	// by would only keep others out of the queue's slots. 0 is no bound.
	Window int
	// PerJob is how many changes share a job at most: starting a job's process
	// takes longer than writing a tag. Each is reported as its own opcodes end.
	// One that fails, or waits for a lock, is split off from the others (C5). 0
	// and 1 give each change a job of its own.
	PerJob int
}

// priority is that of all tag jobs: they are short, and a repair waits for
// them, so they go ahead of jobs of normal priority.
const priority = -10

// check refuses what luxid would refuse for the whole call, so that one bad
// object affects that object alone (C5).
func (c Change) check() error {
	all := append(append(append([]string(nil), c.Before...), c.Add...), c.Remove...)
	for _, tag := range all {
		if tag == "" || len(tag) > MaxLength {
			return fmt.Errorf("tag %q has %d characters, allowed are 1 to %d", tag, len(tag), MaxLength)
		}
	}
	for _, s := range append(all, c.Name, c.Why) {
		if strings.IndexFunc(s, func(r rune) bool { return r > '~' }) >= 0 {
			return fmt.Errorf("%q holds characters outside ASCII, which luxid cannot write", s)
		}
	}
	return nil
}

func (w *Writer) opcodes(c Change) []luxi.OpCode {
	common := luxi.Common{
		Reason:   []luxi.ReasonEntry{{Source: w.Source, Text: c.Why, Time: w.Now()}},
		Priority: priority,
	}
	var ops []luxi.OpCode
	if len(c.Before) > 0 {
		ops = append(ops, &luxi.TagsDel{Common: common, Kind: c.Kind, Name: c.Name, Tags: c.Before})
	}
	if len(c.Add) > 0 {
		ops = append(ops, &luxi.TagsSet{Common: common, Kind: c.Kind, Name: c.Name, Tags: c.Add})
	}
	if len(c.Remove) > 0 {
		ops = append(ops, &luxi.TagsDel{Common: common, Kind: c.Kind, Name: c.Name, Tags: c.Remove})
	}
	return ops
}
