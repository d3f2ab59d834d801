package plugin

import (
	"context"
	"fmt"
	"time"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// Read reads what a pass reads and plans as it would. It changes nothing.
func (p *Pass) Read(ctx context.Context) (*repair.Plan, error) {
	return p.look(ctx, &read.Reader{Client: p.Client, Now: p.Now, Suspects: p.Suspects, TakenBack: p.TakenBack, Disks: p.Disks})
}

// Look reads the whole cluster and plans as a pass would, under an assumption
// if there is one. It changes nothing.
func (p *Pass) Look(ctx context.Context, assume repair.Assumption) (*repair.Plan, error) {
	return p.look(ctx, &read.Reader{Client: p.Client, Now: p.Now, Full: true, Assume: assume, Suspects: p.Suspects, TakenBack: p.TakenBack, Disks: p.Disks})
}

func (p *Pass) look(ctx context.Context, r *read.Reader) (*repair.Plan, error) {
	s, err := r.Read(ctx)
	if err != nil {
		return nil, err
	}
	draft := repair.NewDraft(s, p.Settings, p.NewID)
	placer, err := read.ReadPlacer(ctx, p.Client, s, draft.RoomWanted())
	if err != nil {
		return nil, err
	}
	if err := p.readRules(ctx, s, draft); err != nil {
		return nil, err
	}
	if !draft.Questions(placer).Empty() {
		if err := p.recall(ctx, s, placer); err != nil {
			return nil, err
		}
	}
	return draft.Plan(placer), nil
}

// readRules reads the job filters, if there is anything to submit (C7).
func (p *Pass) readRules(ctx context.Context, s *repair.Snapshot, draft *repair.Draft) error {
	if !draft.Begins() {
		return nil
	}
	rules, err := p.Client.QueryFilterRules(ctx)
	if err != nil {
		return fmt.Errorf("reading the job filters: %w", err)
	}
	s.Rules = rules
	return nil
}

// recall gives the placer the answers about room that passes of the last hour got. It
// submits no job; what they did not answer is left out.
func (p *Pass) recall(ctx context.Context, s *repair.Snapshot, placer *repair.Placer) error {
	last, err := read.LastRoomAnswers(ctx, p.Client, s.Time.Add(-repair.AnswersLast))
	if err == nil {
		placer.Answer(s, last.Answers)
	}
	return err
}

// LookAndSave is Look that reads all there is to know, so that it can be looked
// at again without the cluster, and under any assumption: the live status of
// every instance and what earlier jobs left of it, what every node has free, and the
// history of repairs, too.
func (p *Pass) LookAndSave(ctx context.Context) (*repair.Plan, *read.Saved, error) {
	s, placer, err := p.readAll(ctx, &read.Reader{Client: p.Client, Now: p.Now, Full: true, LiveOfAll: true, PastOfAll: true, TakenBack: p.TakenBack, Disks: p.Disks})
	if err != nil {
		return nil, nil, err
	}
	saved := read.NewSaved(s, placer, p.Settings)
	if saved.History, err = read.ReadHistory(ctx, p.Client, "", time.Time{}); err != nil {
		return nil, nil, err
	}
	return repair.NewPlan(s, placer, p.Settings, p.NewID), saved, nil
}

// readAll reads a snapshot, the job filters, and the room of all nodes, with what the
// passes of the last hour were told about it.
func (p *Pass) readAll(ctx context.Context, r *read.Reader) (*repair.Snapshot, *repair.Placer, error) {
	s, err := r.Read(ctx)
	if err != nil {
		return nil, nil, err
	}
	placer, err := read.ReadPlacer(ctx, p.Client, s, everyInstance(s))
	if err != nil {
		return nil, nil, err
	}
	if s.Rules, err = p.Client.QueryFilterRules(ctx); err != nil {
		return nil, nil, fmt.Errorf("reading the job filters: %w", err)
	}
	return s, placer, p.recall(ctx, s, placer)
}

// Rehearser reads all that decides about the instances of nodes that die, or are drained.
// It changes nothing.
func (p *Pass) Rehearser(ctx context.Context, drained bool) (*repair.Rehearser, *repair.Snapshot, error) {
	r := &read.Reader{Client: p.Client, Now: p.Now, Full: true, LiveOfAll: true, PastOfAll: true, Disks: p.Disks.ForRehearsal()}
	s, placer, err := p.readAll(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	return repair.NewRehearser(s, placer, p.Settings, drained), s, nil
}

// everyInstance wants room for every instance to be known, whatever it needs.
func everyInstance(s *repair.Snapshot) repair.RoomWanted {
	var w repair.RoomWanted
	for _, i := range s.Instances {
		w.Choose = append(w.Choose, repair.Wish{Instance: i, Step: repair.StepReinstall})
	}
	return w
}
