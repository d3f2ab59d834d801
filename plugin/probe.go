package plugin

import (
	"context"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
)

// probe tests for room with a dry run of the real first opcode, which enters no
// tag, and returns the steps for which there is some (S8). Dry runs that do not
// end in time are canceled.
func (a *act) probe(ctx context.Context, steps []*Planned) ([]*Planned, error) {
	if max := a.Settings.MaxRunning; max > 0 && len(steps) > max {
		steps = steps[:max] // the others are as likely to find none
	}
	if len(steps) == 0 {
		return nil, nil
	}
	var jobs [][]luxi.OpCode
	for _, st := range steps {
		start := st.Decision.Start
		m := mark{Kind: markProbe, ID: start.Repair.ID, Step: start.Step}
		ops := opcodes(start.Step, st.Decision.Instance, st.Place, m, 0, a.Now())
		ops[0].Header().DryRun = true
		jobs = append(jobs, ops[:1])
	}
	submitted, err := a.Client.SubmitManyJobs(ctx, jobs)
	if err != nil {
		return nil, fmt.Errorf("submitting dry runs: %w", err)
	}
	wait, cancel := halfOf(ctx)
	defer cancel()
	var ready []*Planned
	for k, st := range steps {
		d := st.Decision
		if submitted[k].Err != nil {
			a.problem(d.Instance.Name, fmt.Errorf("submitting a dry run: %w", submitted[k].Err))
			continue
		}
		ok, why, err := a.probed(ctx, wait, submitted[k].ID)
		if err != nil {
			return nil, err
		}
		if !ok {
			d.Reason, d.Detail = ReasonNoRoom, why
			continue
		}
		a.Log.Info("room found", "instance", d.Instance.Name, "repair", d.Start.Repair.ID, "step", string(d.Start.Step))
		d.Start.Probe = false
		ready = append(ready, st)
	}
	return ready, nil
}

// probed waits for one dry run and tells whether there is room.
func (a *act) probed(ctx, wait context.Context, id luxi.JobID) (bool, string, error) {
	info, err := a.await(ctx, wait, id)
	if err != nil {
		return false, "", fmt.Errorf("dry run %d: %w", id, err)
	}
	if info == nil {
		return false, fmt.Sprintf("the dry run, job %d, did not end in time", id), nil
	}
	fact := NewJobFact(*info)
	return fact.Outcome == OutcomeSuccess, fact.Detail, nil
}

// await waits for a job that only asks for something. It returns nil if the job did
// not end in time, and cancels it then.
func (a *act) await(ctx, wait context.Context, id luxi.JobID) (*luxi.JobInfo, error) {
	if _, err := a.Client.WaitForJob(wait, id); err != nil {
		if wait.Err() == nil {
			return nil, fmt.Errorf("waiting for it: %w", err)
		}
		clean, cancel := a.cleaning()
		defer cancel()
		if _, _, err := a.Client.CancelJob(clean, id, false); err != nil {
			return nil, fmt.Errorf("canceling it: %w", err)
		}
		return nil, ctx.Err()
	}
	infos, err := a.Client.QueryJobs(ctx, []luxi.JobID{id})
	if err != nil {
		return nil, fmt.Errorf("looking it up: %w", err)
	}
	return &infos[0], nil
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
