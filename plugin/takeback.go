package plugin

import (
	"context"
	"fmt"
	"sync"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// takeBackTime bounds how long a pass waits for the jobs that it takes back: luxid can
// take 44 s to cancel one that waits for locks. What was not canceled by then is looked
// at again by the next pass.
const takeBackTime = 3 * time.Second

// TakenBack is a job that was taken back before it began.
type TakenBack struct {
	Job      luxi.JobID
	Instance string
	UUID     string // of the instance
	Repair   string
	Step     repair.Step
	Why      string
}

// withoutTakeBacks returns the actions that do not take a job back.
func withoutTakeBacks(actions []repair.Action) []repair.Action {
	var list []repair.Action
	for _, action := range actions {
		if action.TakesBack == nil {
			list = append(list, action)
		}
	}
	return list
}

// takeBack cancels the jobs that the plan takes back, and returns those that were
// canceled. Their tags are settled by the next pass, which finds jobs that never began.
func (p *Pass) takeBack(ctx context.Context, plan *repair.Plan) []TakenBack {
	short, cancel := context.WithTimeout(ctx, takeBackTime)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	taken := make([]*TakenBack, len(plan.Actions))
	for k, action := range plan.Actions {
		if action.TakesBack == nil {
			continue
		}
		k, action := k, action
		wg.Add(1)
		go func() {
			defer wg.Done()
			t, err := p.cancelUnbegun(short, action)
			mu.Lock()
			defer mu.Unlock()
			back := action.TakesBack
			switch {
			case err != nil:
				p.Log.Warn("job not taken back yet", "instance", action.Object.Name, "job", int64(back.Job), "why", back.Why, "error", err.Error())
			default:
				taken[k] = &t
			}
		}()
	}
	wg.Wait()
	var list []TakenBack
	for _, t := range taken {
		if t != nil {
			p.Log.Info("job taken back", "instance", t.Instance, "repair", t.Repair, "step", string(t.Step), "job", int64(t.Job), "why", t.Why)
			list = append(list, *t)
		}
	}
	return list
}

// cancelUnbegun cancels the job of an action that has not begun. A job of several
// opcodes is canceled only while all of them are queued, right after a fresh read.
func (p *Pass) cancelUnbegun(ctx context.Context, action repair.Action) (TakenBack, error) {
	back := action.TakesBack
	infos, err := p.Client.QueryJobs(ctx, []luxi.JobID{back.Job})
	if err != nil {
		return TakenBack{}, fmt.Errorf("looking up job %d: %w", back.Job, err)
	}
	m, _ := repair.MarkOf(infos[0])
	t := TakenBack{Job: back.Job, Instance: action.Object.Name, UUID: action.Decision.Instance.UUID, Repair: m.ID, Step: back.Step, Why: back.Why}
	if repair.NewJobFact(infos[0]).Begun() {
		return t, fmt.Errorf("job %d has begun", back.Job)
	}
	for _, op := range infos[0].Ops {
		if back.WhileQueued && op.Status != luxi.JobQueued {
			return t, fmt.Errorf("job %d is %s, and may be canceled only while all of it is queued", back.Job, infos[0].Status)
		}
	}
	ok, text, err := p.Client.CancelJob(ctx, back.Job, false)
	if err != nil {
		return t, fmt.Errorf("canceling job %d: %w", back.Job, err)
	}
	if !ok {
		return t, fmt.Errorf("canceling job %d: %s", back.Job, text)
	}
	return t, nil
}

// beginTime is how long a job may take to begin that must not wait. luxid needs about a
// second to start a job's process.
const beginTime = 3 * time.Second

// takeBackWaiting takes back what was released by this pass and must begin at once, but
// has not: reinstallations, and failovers of what is stopped (P16). What keeps them is
// not known; a later pass tries again. A job of which luxid does not tell that it waits
// is left to the next pass. So is one of several opcodes unless the queue has no slot
// for it: a busy luxid says that a job is queued after it has begun to start its
// process, and a reinstallation that is canceled then ends half done.
func (a *act) takeBackWaiting(ctx context.Context) {
	short, cancel := context.WithTimeout(ctx, 2*beginTime) // luxid's answer needs time, too
	defer cancel()
	end := time.Now().Add(beginTime)
	plan := &repair.Plan{}
	for _, t := range a.atOnce {
		several := len(t.action.Job.OpCodes) > 1
		if !a.stillQueued(short, t.held.Job, time.Until(end)) || several && !a.noSlot(short) {
			continue
		}
		back := repair.TakeBack{Job: t.held.Job, Step: t.action.Job.Step, Why: "it did not begin at once", WhileQueued: several}
		plan.Actions = append(plan.Actions, repair.Action{Object: t.action.Object, Decision: t.action.Decision, TakesBack: &back})
	}
	clean, stop := a.cleaning()
	defer stop()
	back := a.takeBack(clean, plan)
	a.report.TakenBack = append(a.report.TakenBack, back...)
	for _, t := range back {
		for _, action := range plan.Actions {
			if action.TakesBack.Job == t.Job {
				a.report.leave(action.Decision.Instance, repair.StatePending, repair.ReasonNotBegun, fmt.Sprintf("job %d (%s) was taken back: %s", t.Job, t.Step, t.Why))
			}
		}
	}
}

// stillQueued reports whether luxid says that a job is queued, and still is after a
// time.
func (a *act) stillQueued(ctx context.Context, job luxi.JobID, wait time.Duration) bool {
	for try := 1; ; try++ {
		before := luxi.JobQueued
		if wait <= 0 {
			before = ""
		}
		status, err := a.Client.WaitForJobChange(ctx, job, before, wait)
		if err == nil || try == 2 { // twice, as the connection may have been lost
			return err == nil && status == luxi.JobQueued
		}
	}
}

// noSlot reports whether the jobs that luxid has started take all slots of its queue. It
// returns false if that cannot be told.
func (a *act) noSlot(ctx context.Context) bool {
	running, err := read.UnfinishedJobs(ctx, a.Client)
	if err != nil {
		return false
	}
	started := 0
	for _, job := range running {
		if job.Status != luxi.JobQueued {
			started++
		}
	}
	slots := a.plan.Snapshot.Cluster.Slots
	return slots > 0 && started >= slots
}

// TakeBackAll cancels all repair jobs of ours that have not begun, whether they are
// wanted or not: for a person who stops everything. The caller has the lock of passes.
// If dry, it returns the jobs that it would cancel.
func (p *Pass) TakeBackAll(ctx context.Context, dry bool) ([]TakenBack, error) {
	running, err := read.UnfinishedJobs(ctx, p.Client)
	if err != nil {
		return nil, err
	}
	plan := &repair.Plan{}
	var list []TakenBack
	for _, job := range running {
		action, ok := repair.TakeBackOf(job, "everything is stopped")
		if !ok {
			continue
		}
		plan.Actions = append(plan.Actions, action)
		back, m := action.TakesBack, repair.Mark{}
		m, _ = repair.MarkOf(job)
		list = append(list, TakenBack{Job: back.Job, Instance: action.Object.Name, UUID: action.Decision.Instance.UUID, Repair: m.ID, Step: back.Step, Why: back.Why})
	}
	if dry {
		return list, nil
	}
	return p.takeBack(ctx, plan), nil
}
