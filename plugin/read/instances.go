package read

import (
	"context"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/tagstore"
)

// PlaceFields tell where an instance is.
var PlaceFields = []string{"uuid", "name", "tags", "pnode", "snodes", "disk_template", "admin_state", "forthcoming", "be/always_failover", "hypervisor", "disks_active"}

func (r *Reader) readInstances(ctx context.Context, s *repair.Snapshot, uuids []string) error {
	broken := s.BrokenNodes()
	// To list what is on more than a quarter of the nodes, and to pick that out, takes
	// luxid longer than to tell the place of all.
	if uuids == nil && !r.Full && len(broken)*4 <= len(s.Nodes) && !s.Disks.StorageGoneMayBe() {
		affected, err := r.instancesOf(ctx, s, broken)
		if err != nil {
			return err
		}
		return r.readWhatMatters(ctx, s, affected)
	}
	return r.readPlaces(ctx, s, uuids)
}

// readPlaces reads the instances with the given UUIDs and their places, or all of
// them if the list is nil.
func (r *Reader) readPlaces(ctx context.Context, s *repair.Snapshot, uuids []string) (err error) {
	s.Instances, err = r.queryPlaces(ctx, uuids)
	if err == nil && uuids == nil && len(s.Instances) == 0 {
		err = r.checkEmpty(ctx)
	}
	if err == nil && uuids == nil {
		err = r.noteInactive(ctx, s)
	}
	if err == nil && uuids == nil {
		s.NoteUnusedNodes()
	}
	return err
}

// instancesOf reads the names of the instances that have a disk on one of the nodes,
// or run there.
func (r *Reader) instancesOf(ctx context.Context, s *repair.Snapshot, nodes []string) (map[string]bool, error) {
	if len(nodes) == 0 {
		return nil, nil
	}
	t, err := Query(ctx, r.Client, luxi.ResNode, []string{"name", "pinst_list", "sinst_list"}, luxi.AnyOf("name", nodes...))
	if err != nil {
		return nil, fmt.Errorf("reading the instances of nodes: %w", err)
	}
	names, told := make(map[string]bool), make(map[string]bool)
	for row := range t.Rows {
		var node string
		var primaries, secondaries []string
		if err := t.Scan(row, &node, &primaries, &secondaries); err != nil {
			return nil, fmt.Errorf("reading the instances of nodes: %w", err)
		}
		told[node] = true
		s.Nodes[node].Unused = len(primaries)+len(secondaries) == 0
		for _, name := range append(primaries, secondaries...) {
			names[name] = true
		}
	}
	for _, node := range nodes {
		if !told[node] {
			// It may have been removed just now; the next pass will know.
			return nil, fmt.Errorf("%w: node %s, which was there just now, is missing", ErrImplausible, node)
		}
	}
	return names, nil
}

// readWhatMatters reads the tags of all instances, and the place of those that are
// named, that have open repairs, or that unfinished jobs are about where nodes are
// broken: these may be taking the room that a repair needs. What permits that an enoperm
// result goes may be a tag of the node group, so the place of its instance matters, too.
func (r *Reader) readWhatMatters(ctx context.Context, s *repair.Snapshot, affected map[string]bool) error {
	t, err := Query(ctx, r.Client, luxi.ResInstance, []string{"uuid", "name", "tags", "disks_active"}, nil)
	if err != nil {
		return fmt.Errorf("reading instances: %w", err)
	}
	if len(t.Rows) == 0 {
		return r.checkEmpty(ctx)
	}
	all := make([]repair.Instance, len(t.Rows))
	s.Instances = make([]*repair.Instance, len(all))
	for row := range t.Rows {
		i := &all[row]
		var tags []string
		var active luxi.Value[bool]
		if err := t.Scan(row, &i.UUID, &i.Name, &tags, &active); err != nil {
			return fmt.Errorf("reading instances: %w", err)
		}
		i.Tags = tagstore.Parse(luxi.TagInstance, tags)
		if v, told := active.Get(); told {
			i.DisksActive = &v
		}
		s.Instances[row] = i
	}
	if err := r.noteInactive(ctx, s); err != nil {
		return err
	}
	inJobs := func(*repair.Instance) bool { return false }
	if affected != nil {
		inJobs = s.NamedInJobs()
	}
	var closely []string
	matters := make(map[string]bool)
	for _, i := range s.Instances {
		suspect, refused := s.Suspects[i.UUID] != 0, len(i.Tags.Records().Enoperms()) > 0
		if len(i.Tags.Pendings) > 0 || affected[i.Name] || suspect || refused || s.Disks.Concerns(i) || inJobs(i) {
			closely = append(closely, i.UUID)
			matters[i.UUID] = true
		}
	}
	if len(closely) == 0 {
		return nil
	}
	if len(closely)*2 > len(all) {
		// To pick them out takes luxid longer than to tell all.
		return r.readPlaces(ctx, s, nil)
	}
	list, err := r.queryPlaces(ctx, closely)
	if err != nil {
		return err
	}
	if len(list) == 0 && len(closely) > 1 {
		return fmt.Errorf("%w: %d instances, which were there just now, are all missing", ErrImplausible, len(closely))
	}
	placed := make(map[string]*repair.Instance, len(list))
	for _, i := range list {
		placed[i.UUID] = i
	}
	kept := s.Instances[:0]
	for _, i := range s.Instances {
		if matters[i.UUID] {
			i = placed[i.UUID]
		}
		if i != nil { // not removed meanwhile
			kept = append(kept, i)
		}
	}
	s.Instances = kept
	return nil
}

// queryPlaces reads instances with their places: those with the given UUIDs,
// or all of them if the list is nil.
func (r *Reader) queryPlaces(ctx context.Context, uuids []string) ([]*repair.Instance, error) {
	var filter luxi.Filter
	if uuids != nil {
		filter = luxi.AnyOf("uuid", uuids...)
	}
	t, err := Query(ctx, r.Client, luxi.ResInstance, PlaceFields, filter)
	if err != nil {
		return nil, fmt.Errorf("reading instances: %w", err)
	}
	var list []*repair.Instance
	seen := make(map[string]bool)
	for row := range t.Rows {
		i := &repair.Instance{PlaceKnown: true}
		var tags []string
		var primary, template luxi.Value[string]
		var secondaries luxi.Value[[]string]
		var forthcoming, failover, active luxi.Value[bool]
		var hypervisor luxi.Value[string]
		if err := t.Scan(row, &i.UUID, &i.Name, &tags, &primary, &secondaries, &template, &i.AdminState, &forthcoming, &failover, &hypervisor, &active); err != nil {
			return nil, fmt.Errorf("reading instances: %w", err)
		}
		if seen[i.UUID] {
			return nil, fmt.Errorf("%w: two instances have the UUID %s", ErrImplausible, i.UUID)
		}
		seen[i.UUID] = true
		i.Tags = tagstore.Parse(luxi.TagInstance, tags)
		i.Primary, i.Secondaries, i.Template, i.Forthcoming = primary.V, secondaries.V, template.V, forthcoming.V
		i.AlwaysFailover, i.Hypervisor = failover.V, hypervisor.V
		if v, told := active.Get(); told {
			i.DisksActive = &v
		}
		list = append(list, i)
	}
	return list, nil
}

// checkEmpty asks the nodes whether a cluster that shows no instance really
// has none.
func (r *Reader) checkEmpty(ctx context.Context) error {
	t, err := Query(ctx, r.Client, luxi.ResNode, []string{"name", "pinst_cnt"}, nil)
	if err != nil {
		return fmt.Errorf("reading nodes: %w", err)
	}
	for row := range t.Rows {
		var name string
		var count int64
		if err := t.Scan(row, &name, &count); err != nil {
			return fmt.Errorf("reading nodes: %w", err)
		}
		if count > 0 {
			return fmt.Errorf("%w: no instances, but node %s has %d", ErrImplausible, name, count)
		}
	}
	return nil
}
