package read

import (
	"context"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// ReadNodes reads a snapshot that holds the cluster, its node groups and its nodes, and no
// instance: what decides whether a node is marked offline (K5). No node is asked.
func (r *Reader) ReadNodes(ctx context.Context) (*repair.Snapshot, error) {
	s := &repair.Snapshot{Time: r.Now(), Groups: map[string]*repair.Group{}, Nodes: map[string]*repair.Node{}}
	for _, part := range []func(context.Context, *repair.Snapshot) error{r.readCluster, r.readGroups, r.readNodes} {
		if err := part(ctx, s); err != nil {
			return nil, err
		}
	}
	// Bad nodes without instances do not count for V2.
	_, err := r.instancesOf(ctx, s, s.BrokenNodes())
	return s, err
}

// NodeUse is what marking a node offline needs to know of it beside the snapshot.
type NodeUse struct {
	Candidate bool     // it is a master candidate
	Instances []string // that have it as primary or secondary node
}

// ReadNodeUse reads it.
func ReadNodeUse(ctx context.Context, c *luxi.Client, node *repair.Node) (NodeUse, error) {
	t, err := Query(ctx, c, luxi.ResNode, []string{"master_candidate", "pinst_list", "sinst_list"}, luxi.And(luxi.Eq("uuid", node.UUID)))
	if err != nil {
		return NodeUse{}, fmt.Errorf("reading node %s: %w", node.Name, err)
	}
	if len(t.Rows) != 1 {
		return NodeUse{}, fmt.Errorf("%w: node %s, which was there just now, is missing", ErrImplausible, node.Name)
	}
	var use NodeUse
	var primaries, secondaries []string
	if err := t.Scan(0, &use.Candidate, &primaries, &secondaries); err != nil {
		return NodeUse{}, fmt.Errorf("reading node %s: %w", node.Name, err)
	}
	use.Instances = append(primaries, secondaries...)
	repair.NiceSort(use.Instances)
	return use, nil
}
