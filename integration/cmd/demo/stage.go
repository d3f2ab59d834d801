package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ganeti-autorepair/luxi"
)

// maxPasses is more than any part of the story takes until all is quiet.
const maxPasses = 8

// stage is where the story is told: it carries out what is said and shows what
// becomes of it. After the first error nothing more happens, so that a story
// can be written down without looking at each step's error.
type stage struct {
	ctx     context.Context
	cluster cluster
	client  *luxi.Client
	out     *page
	err     error

	seen      *scene     // what the audience knows
	lastJob   luxi.JobID // the last one told of
	logged    int        // length of the program's log that was told
	passes    int
	explained bool // what the auxiliary jobs are for
	checks    int
}

// newStage prepares a story on the cluster.
func newStage(ctx context.Context, c cluster, w io.Writer) *stage {
	return &stage{ctx: ctx, cluster: c, client: luxi.New(c.Socket(), luxi.Options{}), out: &page{w: w}}
}

func (s *stage) close() {
	if err := s.client.Close(); err != nil {
		s.fail(err)
	}
}

// fail notes the first error.
func (s *stage) fail(err error) {
	if s.err == nil && err != nil {
		s.err = err
	}
}

// try does one thing of the story, unless something failed before.
func (s *stage) try(do func() error) {
	if s.err == nil {
		s.fail(s.ctx.Err())
	}
	if s.err == nil {
		s.fail(do())
	}
}

// say tells thoughts, one per line.
func (s *stage) say(lines ...string) {
	s.try(func() error {
		for _, l := range lines {
			s.out.line(0, l)
		}
		return nil
	})
}

// act begins a part of the story.
func (s *stage) act(title string, lines ...string) {
	s.try(func() error { s.out.heading(title); return nil })
	s.say(lines...)
}

// admin has the administrator type a command.
func (s *stage) admin(args ...string) {
	s.try(func() error {
		s.out.command(args)
		return s.cluster.Admin(s.ctx, args...)
	})
	s.look()
}

// look takes note of the scene, so that what an administrator did is not told
// as the program's doing.
func (s *stage) look() {
	s.try(func() error {
		var err error
		s.seen, err = observe(s.ctx, s.client)
		return err
	})
}

// pass does one pass, waits for the jobs it left, and tells what happened. It
// reports whether anything did.
func (s *stage) pass() (busy bool) {
	s.try(func() error {
		var err error
		busy, err = s.doPass()
		return err
	})
	return busy
}

func (s *stage) doPass() (bool, error) {
	s.passes++
	s.out.gap()
	s.out.line(0, fmt.Sprintf("Pass %d: %s", s.passes, s.cluster.PassCommand()))
	if err := s.cluster.Pass(s.ctx); err != nil {
		return false, err
	}
	jobs, last, err := jobsAfter(s.ctx, s.client, s.lastJob)
	if err != nil {
		return false, err
	}
	s.lastJob = last
	events, err := s.newEvents()
	if err != nil {
		return false, err
	}
	before := s.seen
	if s.seen, err = observe(s.ctx, s.client); err != nil {
		return false, err
	}
	told := s.show(before, events, jobs)
	if told == 0 {
		s.out.line(2, "nothing to do")
	}
	return told > 0, nil
}

// show shows, subject by subject, what a pass said and did.
func (s *stage) show(before *scene, events []event, jobs []job) int {
	told, auxiliary := 0, 0
	for _, j := range jobs {
		if j.kind != "repair" && j.kind != "probe" {
			auxiliary++
		}
	}
	for _, subject := range append([]string{""}, s.seen.subjects()...) {
		var lines []string
		for _, e := range events {
			if e.subject == subject {
				lines = append(lines, e.text)
			}
		}
		lines = append(lines, tagChanges(before, s.seen, subject)...)
		for _, j := range jobs {
			if j.instance == subject && subject != "" && (j.kind == "repair" || j.kind == "probe") {
				lines = append(lines, j.summary())
			}
		}
		lines = append(lines, move(before, s.seen, subject)...)
		told += len(lines)
		s.out.entry(subject, lines)
	}
	switch {
	case auxiliary > 0 && !s.explained:
		s.explained = true
		s.out.line(2, fmt.Sprintf("and %d small jobs: changes of tags, and delays that hold repair jobs back until the tags that name them are written", auxiliary))
	case auxiliary == 1:
		s.out.line(2, "and one small job")
	case auxiliary > 1:
		s.out.line(2, fmt.Sprintf("and %d small jobs", auxiliary))
	}
	return told + auxiliary
}

// newEvents reads what the program logged since the last time.
func (s *stage) newEvents() ([]event, error) {
	log, err := s.cluster.Log()
	if err != nil {
		return nil, err
	}
	if len(log) < s.logged {
		return nil, errors.New("the program's log has become shorter")
	}
	fresh := string(log[s.logged:])
	s.logged = len(log)
	var list []event
	for _, line := range strings.Split(strings.TrimRight(fresh, "\n"), "\n") {
		if line != "" {
			list = append(list, parseEvent(line))
		}
	}
	return list, nil
}

// untilQuiet does passes until one has nothing to do.
func (s *stage) untilQuiet() {
	for n := 0; s.pass(); n++ {
		if n == maxPasses {
			s.fail(fmt.Errorf("not quiet after %d passes", n))
		}
	}
}

// status shows what the program thinks.
func (s *stage) status() {
	s.try(func() error {
		s.out.gap()
		s.out.command([]string{"ganeti-autorepair", "status"})
		text, err := s.cluster.Program(s.ctx, "status")
		if err != nil {
			return err
		}
		for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
			s.out.line(2, l)
		}
		return nil
	})
}

// check fails the story if something is not as told.
func (s *stage) check(ok bool, format string, args ...any) {
	s.try(func() error {
		s.checks++
		if !ok {
			return fmt.Errorf("not as told: "+format, args...)
		}
		return nil
	})
}
