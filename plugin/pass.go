package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// Logger takes what a pass has to say: one line per decision that changes
// something, with stable words.
type Logger interface {
	Info(msg string, args ...any)
	Warn(msg string, args ...any)
}

// Pass is one run over the cluster: the only place that acts.
type Pass struct {
	Client   *luxi.Client
	Settings repair.Settings
	Now      func() time.Time
	NewID    repair.NewID
	Log      Logger
	Fence    Fence // nil where Settings.Fence is none
	// QueueDrained says that the queue accepts no jobs, as Preflight finds out: the pass
	// takes back what is no longer wanted, and does nothing else.
	QueueDrained bool
	// RoomTests are the tests for room that the report of the pass before tells of; losing
	// them costs a few tests (P21).
	RoomTests map[string]repair.RoomTest
	// Suspects are the instances, by UUID, that the report of the pass before tells of as
	// left otherwise than the configuration says; losing them hides those whose jobs are
	// archived, until they are to be repaired (S16, S18).
	Suspects map[string]luxi.JobID
	// Disks are what is known of disks on good nodes, and of starts that failed.
	Disks repair.DiskFacts
	// TakenBack are the jobs that passes before have canceled before they began; one that is
	// forgotten counts as canceled by a person (S13).
	TakenBack map[luxi.JobID]bool
}

// Run does a whole pass within Settings.PassTimeout. When the context ends
// early it finishes what it has begun so far that nothing is left half done:
// jobs not released expire, tag jobs not run are canceled.
func (p *Pass) Run(ctx context.Context) (*Report, error) {
	// The last part of the time is for cleaning up.
	reserve := p.Settings.PassTimeout / 6
	end := time.Now().Add(p.Settings.PassTimeout)
	ctx, cancel := context.WithTimeout(ctx, p.Settings.PassTimeout-reserve)
	defer cancel()
	running, err := p.settleLeftovers(ctx)
	if err != nil {
		return nil, err
	}
	s, err := (&read.Reader{Client: p.Client, Now: p.Now, Unfinished: running, RoomTests: p.RoomTests, Suspects: p.Suspects, TakenBack: p.TakenBack, Disks: p.Disks, NewJob: p.submitNothing}).Read(ctx)
	if err != nil {
		return nil, err
	}
	a := &act{Pass: p, reserve: reserve, end: end, fenced: make(map[string]bool)}
	plan, err := a.makePlan(ctx, s)
	if err != nil {
		return nil, err
	}
	a.plan, a.report = plan, &Report{Plan: plan, Outcomes: make(map[string]Outcome), RoomTests: make(map[string]repair.RoomTest), Suspects: s.InDoubt()}
	a.keepRoomTests()
	a.report.TakenBack = a.takeBack(ctx, plan)
	// What is queued still runs while the queue takes no more jobs, so it is taken back
	// all the same (P15).
	if a.QueueDrained {
		return a.report, ErrQueueDrained
	}
	err = a.run(ctx)
	decisions := a.report.Decisions()
	for k := range decisions {
		if decisions[k].State == repair.StatePending {
			a.report.Pending++
		}
	}
	return a.report, err
}

// submitNothing submits a job that does nothing, for the sake of its number.
func (p *Pass) submitNothing(ctx context.Context) (luxi.JobID, error) {
	id, err := p.Client.SubmitJob(ctx, repair.DelayOps(repair.Mark{Kind: repair.MarkProbe, ID: "queue"}, repair.GateSeconds, nil, p.Now()))
	if err != nil {
		return 0, fmt.Errorf("asking the queue for a number: %w", err)
	}
	return id, nil
}

// makePlan plans, and asks nodes for what they have free, by a job where queries do
// not tell it.
func (a *act) makePlan(ctx context.Context, s *repair.Snapshot) (*repair.Plan, error) {
	draft := repair.NewDraft(s, a.Settings, a.NewID)
	placer, err := read.ReadPlacer(ctx, a.Client, s, draft.RoomWanted())
	if err != nil {
		return nil, err
	}
	if err := a.askRoom(ctx, s, draft, placer); err != nil {
		return nil, err
	}
	if err := a.readRules(ctx, s, draft); err != nil {
		return nil, err
	}
	return draft.Plan(placer), nil
}

// act carries out one plan.
type act struct {
	*Pass
	plan    *repair.Plan
	report  *Report
	reserve time.Duration // for cleaning up
	end     time.Time     // of the pass, cleaning up included
	holdJob luxi.JobID    // what all held jobs of this pass wait for; 0 before the first
	atOnce  []*task       // those whose released jobs have to begin at once (P16)
	aside   []writing     // tags that wait for locks (C6)
	// fenced has the nodes, each with the name of an instance, for which the fence
	// succeeded in this pass.
	fenced map[string]bool
}

func (a *act) run(ctx context.Context) error {
	err := a.carryOutAll(ctx)
	for _, w := range a.aside {
		a.abandon(w)
	}
	if len(a.atOnce) > 0 {
		a.takeBackWaiting(ctx)
	}
	if a.holdJob != 0 {
		clean, cancel := a.cleaning()
		defer cancel()
		if e := a.expire(clean, a.holdJob); e != nil && err == nil {
			a.Log.Warn("held jobs expire later by themselves", "error", e.Error())
		}
	}
	return err
}

// carryOutAll carries out the actions of the plan in their order, wave by wave. What
// there is no time for is never submitted (C4).
func (a *act) carryOutAll(ctx context.Context) error {
	actions, tests := a.withoutTests(withoutTakeBacks(a.plan.Actions))
	actions, err := a.fence(ctx, actions)
	if err != nil {
		return err
	}
	for size := firstWave(actions); len(actions) > 0; {
		var now []repair.Action
		now, actions = wave(actions, size)
		began, patience := time.Now(), a.Settings.PassTimeout
		if len(actions) > 0 {
			// Nothing is to keep the other waves waiting.
			patience /= 6
		}
		if err := a.carryOut(ctx, patience, now); err != nil || ctx.Err() != nil {
			return err
		}
		if len(actions) == 0 {
			break
		}
		if size = a.waveFits(ctx, time.Since(began)/time.Duration(len(now))); size == 0 {
			a.report.OutOfTime = true
			for _, action := range actions {
				if action.Job != nil {
					a.report.notBegun(action.Decision, "the pass had no time left for it")
				}
			}
			return nil
		}
	}
	// Instances that found no room last time are tested after everything else
	// is on its way.
	ready, err := a.probe(ctx, tests)
	if err != nil {
		return err
	}
	ready = a.apart(ready)
	if ready, err = a.fence(ctx, ready); err != nil {
		return err
	}
	if err := a.carryOut(ctx, a.Settings.PassTimeout, ready); err != nil {
		return err
	}
	a.lookAtDisks(ctx)
	return a.writeAside(ctx)
}

// wave returns the actions that are carried out together next, and the others: at
// most size steps, and the changes of tags alone that follow them.
func wave(actions []repair.Action, size int) (now, later []repair.Action) {
	steps, n := 0, 0
	for n < len(actions) && n-steps < repair.WaveSize {
		if actions[n].Job != nil {
			if steps == size || n > steps {
				break
			}
			steps++
		}
		n++
	}
	if steps == 0 && n == len(actions) || countJobs(actions[n:]) == 0 {
		// No step waits for the rest.
		return actions, nil
	}
	return actions[:n], actions[n:]
}

func countJobs(actions []repair.Action) int {
	n := 0
	for _, a := range actions {
		if a.Job != nil {
			n++
		}
	}
	return n
}

// firstWave returns how many steps the first wave has: where there are more than one
// wave of them the most urgent one does not wait for the tags of nine others (C4).
func firstWave(actions []repair.Action) int {
	if countJobs(actions) > repair.WaveSize {
		return 1
	}
	return repair.WaveSize
}

// waveFits returns how many steps fit into the time left at `each` per step. An
// unreleased step costs the queue one gate job.
func (a *act) waveFits(ctx context.Context, each time.Duration) int {
	deadline, bounded := ctx.Deadline()
	left := time.Until(deadline)
	switch {
	case ctx.Err() != nil || bounded && left <= a.reserve:
		return 0
	case !bounded || left > repair.WaveSize*each:
		return repair.WaveSize
	}
	return int(left / each)
}

// withoutTests separates the actions that a test for room comes before.
func (a *act) withoutTests(actions []repair.Action) (others, tests []repair.Action) {
	for _, action := range actions {
		if action.Job != nil && action.Job.Test {
			tests = append(tests, action)
		} else {
			others = append(others, action)
		}
	}
	return others, tests
}

// carryOut submits the jobs of the actions held, writes all tags, and releases each
// job as soon as its tags are written and a fresh look confirms the need. Once nothing
// has been written for as long as the patience lasts, the rest is given up.
func (a *act) carryOut(ctx context.Context, patience time.Duration, actions []repair.Action) error {
	var list []*task
	var steps []repair.Action
	for _, action := range actions {
		if action.Job != nil {
			steps = append(steps, action)
		} else {
			list = append(list, a.newTask(action, heldJob{}))
		}
	}
	if len(steps) > 0 {
		submitted, err := a.submit(ctx, steps)
		if err != nil {
			return err
		}
		list = append(submitted, list...)
	}
	return a.writeAndRelease(ctx, patience, list)
}

// cleaning returns a context for what has to be done whatever happened before: it has
// the reserve each time, but never goes beyond the end of the pass.
func (a *act) cleaning() (context.Context, context.CancelFunc) {
	by := time.Now().Add(a.reserve)
	if by.After(a.end) {
		by = a.end
	}
	return context.WithDeadline(context.Background(), by)
}

// submit submits the jobs of the actions held, by the pass's hold job if that is still
// there.
func (a *act) submit(ctx context.Context, actions []repair.Action) ([]*task, error) {
	if a.holdJob != 0 {
		status, _, err := a.Client.DelaySocket(ctx, a.holdJob)
		if err != nil {
			return nil, fmt.Errorf("looking at hold job %d: %w", a.holdJob, err)
		}
		if status.Final() {
			a.holdJob = 0 // somebody ended it
		}
	}
	var jobs [][]luxi.OpCode
	var marks []repair.Mark
	for _, action := range actions {
		jobs = append(jobs, action.Job.OpCodes)
		marks = append(marks, repair.Mark{Kind: repair.MarkRepair, ID: action.Pending.ID, Step: action.Job.Step})
	}
	holdJob, held, errs, err := a.submitHeld(ctx, a.holdJob, a.Settings.PassTimeout+30*time.Second, jobs, marks)
	if err != nil {
		return nil, err
	}
	a.holdJob = holdJob
	var list []*task
	for k, action := range actions {
		if errs[k] == nil {
			list = append(list, a.newTask(action, held[k]))
			continue
		}
		err := fmt.Errorf("submitting %s: %w", action.Job.Step, errs[k])
		a.problem(action.Object.Name, err)
		a.report.notBegun(action.Decision, err.Error())
		// Nothing of the repair is written, but what has ended is.
		if rest := repair.WithoutStep(a.plan.Snapshot, action.Decision); !rest.Empty() {
			list = append(list, a.newTask(rest, heldJob{}))
		}
	}
	return list, nil
}

// problem notes something that went wrong with one object alone.
func (a *act) problem(object string, err error) {
	if errors.Is(err, luxi.ErrUnknownEntity) {
		// Renamed or removed since it was read, or a tag somebody else removed:
		// nothing to look at, the next pass reads it anew.
		a.Log.Warn("changed meanwhile, left to the next pass", "object", object, "error", err.Error())
		return
	}
	if object == "" {
		object = "cluster"
	}
	a.report.Problems = append(a.report.Problems, object+": "+err.Error())
	a.Log.Warn("failed", "object", object, "error", err.Error())
}
