package plugin

import (
	"context"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/read"
	"ganeti-autorepair/plugin/repair"
)

// NewPlan decides about every instance of the snapshot. It changes nothing; for
// steps whose nodes are chosen here it asks those nodes for their free room.
func NewPlan(ctx context.Context, c *luxi.Client, s *repair.Snapshot, set repair.Settings, newID repair.NewID) (*repair.Plan, error) {
	return newPlan(ctx, c, s, set, newID, nil)
}

// newPlan is NewPlan that finds out with askStorage, if there is one, what queries
// do not tell: how much storage nodes have free for the instances.
func newPlan(ctx context.Context, c *luxi.Client, s *repair.Snapshot, set repair.Settings, newID repair.NewID, askStorage func(context.Context, *repair.Placer, []*repair.Instance) error) (*repair.Plan, error) {
	p := repair.DecideAll(s, set, newID)
	var ask, withDisk, moving []*repair.Instance
	for _, d := range p.Starts {
		if repair.MovesToSecondary(d) {
			moving = append(moving, d.Instance)
		}
		if repair.NodesWanted(s, d, set) > 0 {
			ask = append(ask, d.Instance)
			if repair.OwnDisks(d) {
				withDisk = append(withDisk, d.Instance)
			}
		}
	}
	placer, err := read.ReadPlacer(ctx, c, s, ask, moving...)
	if err != nil {
		return nil, err
	}
	if askStorage != nil {
		if err := askStorage(ctx, placer, withDisk); err != nil {
			return nil, err
		}
	}
	p.Place(placer, set)
	return p, nil
}
