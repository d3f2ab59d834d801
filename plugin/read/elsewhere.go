package read

import (
	"context"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// readElsewhere looks whether instances that ganeti-watcher has given up, and that do not
// run on their primary nodes, run on another node of their groups (R3). luxid asks only the
// primary nodes of the instances that a query is about (collectLiveData in
// src/Ganeti/Query/Instance.hs), so this one is about the instances of all these nodes. A
// node that is nobody's primary is not asked by any query; nor is one waited for that
// hangs.
func (r *Reader) readElsewhere(ctx context.Context, s *repair.Snapshot) error {
	down := make(map[string]*repair.Instance)
	groups := make(map[string]bool)
	var uuids []string
	for _, i := range s.Instances {
		if repair.GivenUp(s, i) {
			down[i.UUID] = i
			uuids = append(uuids, i.UUID)
			groups[s.GroupID(i)] = true
		}
	}
	if len(down) == 0 {
		return nil
	}
	var nodes []string
	for _, n := range s.SortedNodes() {
		if groups[n.Group] && !n.Offline {
			nodes = append(nodes, n.Name)
		}
	}
	tables, err := AskNodes(ctx, nodes, func(ctx context.Context, nodes []string) (*luxi.Table, error) {
		return Query(ctx, r.Client, luxi.ResInstance, []string{"uuid", "status"}, luxi.Or(luxi.AnyOf("uuid", uuids...), luxi.AnyOf("pnode", nodes...)))
	})
	if err != nil {
		return fmt.Errorf("looking where instances run: %w", err)
	}
	for _, t := range tables {
		for row := range t.Rows {
			var uuid string
			var status luxi.Value[string]
			if err := t.Scan(row, &uuid, &status); err != nil {
				return fmt.Errorf("looking where instances run: %w", err)
			}
			if v, ok := status.Get(); ok && down[uuid] != nil && v != "ERROR_down" {
				down[uuid].Live = &repair.Live{Status: v}
			}
		}
	}
	return nil
}
