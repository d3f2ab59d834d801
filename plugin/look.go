package plugin

import "context"

// Look reads the whole cluster and plans as a pass would, under an assumption
// if there is one. It changes nothing.
func (p *Pass) Look(ctx context.Context, assume Assumption) (*Plan, error) {
	r := &Reader{Client: p.Client, Now: p.Now, Full: true, Assume: assume}
	s, err := r.Read(ctx)
	if err != nil {
		return nil, err
	}
	return NewPlan(ctx, p.Client, s, p.Settings, p.NewID)
}

// LookAndSave is Look that reads all there is to know, so that it can be looked
// at again without the cluster, and under any assumption: the live status of
// every instance and what every node has free, too.
func (p *Pass) LookAndSave(ctx context.Context) (*Plan, *Saved, error) {
	r := &Reader{Client: p.Client, Now: p.Now, Full: true, LiveOfAll: true}
	s, err := r.Read(ctx)
	if err != nil {
		return nil, nil, err
	}
	placer, err := ReadPlacer(ctx, p.Client, s, s.Instances)
	if err != nil {
		return nil, nil, err
	}
	saved := NewSaved(s, placer, p.Settings)
	return planWith(s, placer, p.Settings, p.NewID), saved, nil
}
