package read

import (
	"context"
	"fmt"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// ReadInactive returns which of the instances with these names, or of all if there are none,
// are admin up although Ganeti has their disks down as inactive. No node is asked. With
// names it costs luxid little; without, as much as the tags of all instances.
func ReadInactive(ctx context.Context, c *luxi.Client, names ...string) ([]string, error) {
	filter := []luxi.Filter{luxi.Not(luxi.IsTrue("disks_active")), luxi.Eq("admin_state", "up"), luxi.Eq("disk_template", "drbd")}
	if len(names) > 0 {
		filter = append([]luxi.Filter{luxi.AnyOf("name", names...)}, filter...)
	}
	t, err := Query(ctx, c, luxi.ResInstance, []string{"name"}, luxi.And(filter...))
	if err != nil {
		return nil, fmt.Errorf("reading the instances with inactive disks: %w", err)
	}
	var inactive []string
	for row := range t.Rows {
		var name string
		if err := t.Scan(row, &name); err != nil {
			return nil, fmt.Errorf("reading the instances with inactive disks: %w", err)
		}
		inactive = append(inactive, name)
	}
	return inactive, nil
}

// noteInactive notes in the facts on disks which instances run although their disks are
// marked inactive (D1). Luxid is asked only about those of which that may be so.
func (r *Reader) noteInactive(ctx context.Context, s *repair.Snapshot) error {
	var names []string
	for _, i := range s.Instances {
		if s.Disks.MayRunInactive(i) {
			names = append(names, i.Name)
		}
	}
	if len(names) > 0 {
		var err error
		if names, err = ReadInactive(ctx, r.Client, names...); err != nil {
			return err
		}
	}
	s.Disks = s.Disks.WithInactive(names)
	return nil
}
