package plugin

import (
	"context"

	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// Look reads the whole cluster and plans as a pass would, under an assumption
// if there is one. It changes nothing.
func (p *Pass) Look(ctx context.Context, assume repair.Assumption) (*repair.Plan, error) {
	r := &read.Reader{Client: p.Client, Now: p.Now, Full: true, Assume: assume}
	s, err := r.Read(ctx)
	if err != nil {
		return nil, err
	}
	return NewPlan(ctx, p.Client, s, p.Settings, p.NewID)
}

// LookAndSave is Look that reads all there is to know, so that it can be looked
// at again without the cluster, and under any assumption: the live status of
// every instance and what every node has free, too.
func (p *Pass) LookAndSave(ctx context.Context) (*repair.Plan, *read.Saved, error) {
	r := &read.Reader{Client: p.Client, Now: p.Now, Full: true, LiveOfAll: true}
	s, err := r.Read(ctx)
	if err != nil {
		return nil, nil, err
	}
	placer, err := read.ReadPlacer(ctx, p.Client, s, s.Instances)
	if err != nil {
		return nil, nil, err
	}
	saved := read.NewSaved(s, placer, p.Settings)
	return repair.PlanWith(s, placer, p.Settings, p.NewID), saved, nil
}
