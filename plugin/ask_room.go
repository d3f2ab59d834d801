package plugin

import (
	"context"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// askRoom asks, by one job, for what Query does not tell of the nodes that disks may be
// made on: a chain that finds no room for its disks, or no operating system, has already
// moved the instance away from its nodes when it fails (P10). What is not answered counts
// as missing.
func (a *act) askRoom(ctx context.Context, s *repair.Snapshot, draft *repair.Draft, p *repair.Placer) error {
	p.Strict = true
	q := draft.Questions(p)
	if q.Empty() {
		return nil
	}
	last, err := read.LastRoomAnswers(ctx, a.Client, s.Time.Add(-repair.AnswersLast))
	if err != nil {
		return err
	}
	if a.toldEnough(s, draft, p, q, last) {
		p.Answer(s, last.Answers)
		return nil
	}
	told, why, err := a.queryRoom(ctx, q)
	if err != nil {
		return err
	}
	if why != "" {
		a.Log.Warn("room not found out", "why", why)
	}
	if told.OSes == nil {
		// A node that hangs keeps the answer waiting for minutes; what there is to
		// install does not change that fast.
		told.OSes = last.OSes
	}
	p.Answer(s, told.Answers)
	return nil
}

// toldEnough reports whether the last answers settle the questions: they leave no room for
// any of the steps, and it is too early to ask again for what has waited so long (P21).
func (a *act) toldEnough(s *repair.Snapshot, draft *repair.Draft, p *repair.Placer, q repair.Questions, last read.RoomAnswers) bool {
	if last.Received.IsZero() || !s.Time.Before(q.NotBefore(s.Time, last.Received)) {
		return false
	}
	if !last.Complete {
		return true
	}
	trial := p.Copy()
	trial.Answer(s, last.Answers)
	return len(draft.Questions(trial).Due) == 0
}

// queryRoom asks the questions by a job that goes ahead of others, as the pass waits for
// it. One that does not end in time is canceled. It returns what was told, and why
// something is missing from that, "" if nothing is.
func (a *act) queryRoom(ctx context.Context, q repair.Questions) (read.RoomAnswers, string, error) {
	submitted, err := a.Client.SubmitManyJobs(ctx, [][]luxi.OpCode{repair.RoomOpCodes(q, a.Now())})
	if err != nil {
		return read.RoomAnswers{}, "", fmt.Errorf("asking for room: %w", err)
	}
	if err := submitted[0].Err; err != nil {
		return read.RoomAnswers{}, err.Error(), nil
	}
	id := submitted[0].ID
	wait, cancel := halfOf(ctx)
	defer cancel()
	info, err := a.await(ctx, wait, id)
	if err != nil {
		return read.RoomAnswers{}, "", fmt.Errorf("asking for room, job %d: %w", id, err)
	}
	why := ""
	if info == nil {
		infos, err := a.Client.QueryJobs(ctx, []luxi.JobID{id})
		if err != nil {
			return read.RoomAnswers{}, "", fmt.Errorf("asking for room, job %d: %w", id, err)
		}
		info, why = &infos[0], fmt.Sprintf("job %d did not end in time", id)
	}
	told := read.RoomAnswersOf(*info)
	if why == "" && !told.Complete {
		why = fmt.Sprintf("job %d ended as %s: %s", id, info.Status, repair.NewJobFact(*info).Detail)
	}
	return told, why, nil
}
