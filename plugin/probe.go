package plugin

import (
	"context"
	"fmt"
	"hash/fnv"
	"sort"
	"sync"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// probe tests for room with a dry run of the real first opcode, which enters no
// tag, and returns the actions that can go on: those for which there is room, and of
// the others what changes tags alone (S8). Dry runs that do not end in time are
// canceled.
func (a *act) probe(ctx context.Context, actions []repair.Action) ([]repair.Action, error) {
	chosen, rest := a.pickProbes(actions)
	var ready []repair.Action
	noRoom := func(action repair.Action, why string) {
		d := action.Decision
		a.report.RoomTests[action.Pending.ID] = a.plan.Snapshot.NextRoomTest(action.Pending.ID)
		a.report.leave(d.Instance, d.State, repair.ReasonNoRoom, why)
		if tags := repair.WithoutStep(a.plan.Snapshot, d); !tags.Empty() {
			ready = append(ready, tags)
		}
	}
	for _, action := range rest {
		if tags := repair.WithoutStep(a.plan.Snapshot, action.Decision); !tags.Empty() {
			ready = append(ready, tags)
		}
	}
	if len(chosen) == 0 {
		return ready, nil
	}
	jobs := make([][]luxi.OpCode, len(chosen))
	for k, action := range chosen {
		jobs[k] = repair.DryRun(action, a.Now())
	}
	submitted, err := a.Client.SubmitManyJobs(ctx, jobs)
	if err != nil {
		return nil, fmt.Errorf("submitting dry runs: %w", err)
	}
	wait, cancel := halfOf(ctx)
	defer cancel()
	var late []luxi.JobID
	for k, action := range chosen {
		d := action.Decision
		if submitted[k].Err != nil {
			err := fmt.Errorf("submitting a dry run: %w", submitted[k].Err)
			a.problem(d.Instance.Name, err)
			a.report.notBegun(d, err.Error())
			continue
		}
		id := submitted[k].ID
		info, err := a.ended(ctx, wait, id)
		if err != nil {
			return nil, fmt.Errorf("dry run %d: %w", id, err)
		}
		if info == nil {
			late = append(late, id)
			noRoom(action, fmt.Sprintf("the dry run, job %d, did not end in time", id))
			continue
		}
		if fact := repair.NewJobFact(*info); fact.Outcome != repair.OutcomeSuccess {
			noRoom(action, fact.Detail)
			continue
		}
		a.Log.Info("room found", "instance", d.Instance.Name, "repair", action.Pending.ID, "step", string(action.Job.Step))
		ready = append(ready, action)
	}
	a.cancelLate(late)
	return ready, ctx.Err()
}

// apart returns the actions that were found to have room without the steps that would
// wait for what this pass has begun, or for one another, and must not (P16).
func (a *act) apart(ready []repair.Action) []repair.Action {
	var list []repair.Action
	for k, why := range repair.KeptFromBeginning(a.plan.Snapshot, a.Settings, a.plan.Actions, ready) {
		action := ready[k]
		if why != "" {
			d := action.Decision
			a.report.leave(d.Instance, d.State, repair.ReasonNoSlot, why)
			action = repair.WithoutStep(a.plan.Snapshot, d)
		}
		if !action.Empty() {
			list = append(list, action)
		}
	}
	return list
}

// pickProbes chooses the actions to test for room where there are more than may run
// side by side: half of them the most urgent ones, and the rest drawn by lot, by the
// time of the snapshot, so that each is tested sooner or later (S8).
func (a *act) pickProbes(actions []repair.Action) (chosen, rest []repair.Action) {
	max := a.Settings.MaxRunning
	if max <= 0 || len(actions) <= max {
		return actions, nil
	}
	urgent, others := actions[:max/2], append([]repair.Action(nil), actions[max/2:]...)
	lot := func(action repair.Action) uint64 {
		h := fnv.New64a()
		fmt.Fprintf(h, "%s %d", action.Pending.ID, a.plan.Snapshot.Time.Unix())
		return h.Sum64()
	}
	sort.Slice(others, func(x, y int) bool { return lot(others[x]) < lot(others[y]) })
	n := max - len(urgent)
	return append(append([]repair.Action(nil), urgent...), others[:n]...), others[n:]
}

// await waits for a job that only asks for something. It returns nil if the job did
// not end in time, and cancels it then.
func (a *act) await(ctx, wait context.Context, id luxi.JobID) (*luxi.JobInfo, error) {
	info, err := a.ended(ctx, wait, id)
	if err == nil && info == nil {
		a.cancelLate([]luxi.JobID{id})
		err = ctx.Err()
	}
	return info, err
}

// ended waits for a job and returns nil if it did not end in time.
func (a *act) ended(ctx, wait context.Context, id luxi.JobID) (*luxi.JobInfo, error) {
	if _, err := a.Client.WaitForJob(wait, id); err != nil && wait.Err() == nil {
		return nil, fmt.Errorf("waiting for it: %w", err)
	}
	if ctx.Err() != nil {
		return nil, nil
	}
	infos, err := a.Client.QueryJobs(ctx, []luxi.JobID{id})
	switch {
	case err != nil:
		return nil, fmt.Errorf("looking it up: %w", err)
	case infos[0].Known && !infos[0].Status.Final():
		return nil, nil
	}
	return &infos[0], nil
}

// cancelLate cancels jobs that only ask for something, side by side, as luxid can
// take most of a minute over one that waits for locks. Where that does not work
// out they end by themselves, and change nothing.
func (a *act) cancelLate(ids []luxi.JobID) {
	clean, cancel := a.cleaning()
	defer cancel()
	var wg sync.WaitGroup
	for _, id := range ids {
		id := id
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, _, err := a.Client.CancelJob(clean, id, false); err != nil {
				a.Log.Warn("a job that did not end in time was not canceled", "job", int64(id), "error", err.Error())
			}
		}()
	}
	wg.Wait()
}

// halfOf is a context for half of the time that is left, so that the other half
// remains to act on what comes out.
func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}

// keepRoomTests keeps what is remembered of tests for room, of the repairs that are
// still pending.
func (a *act) keepRoomTests() {
	for _, d := range a.plan.Decisions {
		if d.Repair == nil {
			continue
		}
		if t, tested := a.RoomTests[d.Repair.ID]; tested {
			a.report.RoomTests[d.Repair.ID] = t
		}
	}
}
