package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"ganeti-autorepair/luxi"
)

// tagPrefix is what all tags of auto-repair begin with.
const tagPrefix = "ganeti:watcher:autorepair:"

// scene is the part of the configuration that the story is about.
type scene struct {
	conditions map[string]string   // "offline", "drained" or "", by node
	instances  []string            // their names, sorted
	places     map[string][]string // primary and secondary nodes, by instance
	tags       map[string][]string // auto-repair's own, by object: see subjects
}

// observe reads the scene.
func observe(ctx context.Context, c *luxi.Client) (*scene, error) {
	s := &scene{conditions: map[string]string{}, places: map[string][]string{}, tags: map[string][]string{}}
	info, err := c.QueryClusterInfo(ctx)
	if err != nil {
		return nil, err
	}
	s.tags["cluster"] = ours(info.Tags)

	table, err := c.Query(ctx, luxi.ResGroup, []string{"name", "tags"}, nil)
	if err != nil {
		return nil, err
	}
	for row := range table.Rows {
		var name string
		var tags []string
		if err := table.Scan(row, &name, &tags); err != nil {
			return nil, err
		}
		s.tags["group "+name] = ours(tags)
	}

	table, err = c.Query(ctx, luxi.ResNode, []string{"name", "offline", "drained"}, nil)
	if err != nil {
		return nil, err
	}
	for row := range table.Rows {
		var name string
		var offline, drained bool
		if err := table.Scan(row, &name, &offline, &drained); err != nil {
			return nil, err
		}
		switch {
		case offline:
			s.conditions[name] = "offline"
		case drained:
			s.conditions[name] = "drained"
		default:
			s.conditions[name] = ""
		}
	}

	table, err = c.Query(ctx, luxi.ResInstance, []string{"name", "pnode", "snodes", "tags"}, nil)
	if err != nil {
		return nil, err
	}
	for row := range table.Rows {
		var name, primary string
		var secondaries, tags []string
		if err := table.Scan(row, &name, &primary, &secondaries, &tags); err != nil {
			return nil, err
		}
		s.instances = append(s.instances, name)
		s.places[name] = append([]string{primary}, secondaries...)
		s.tags[name] = ours(tags)
	}
	sort.Strings(s.instances)
	return s, nil
}

// ours are the tags of auto-repair without their common prefix, sorted.
func ours(tags []string) []string {
	var list []string
	for _, t := range tags {
		if strings.HasPrefix(t, tagPrefix) {
			list = append(list, strings.TrimPrefix(t, tagPrefix))
		}
	}
	sort.Strings(list)
	return list
}

// subjects are all that has tags: the cluster, the groups, then the instances.
// Instances go by their mere names.
func (s *scene) subjects() []string {
	list := []string{"cluster"}
	for subject := range s.tags {
		if strings.HasPrefix(subject, "group ") {
			list = append(list, subject)
		}
	}
	sort.Strings(list[1:])
	return append(list, s.instances...)
}

// tagChanges lists the tags that a subject has got and lost, in that order, as
// the program writes them.
func tagChanges(before, now *scene, subject string) []string {
	var list []string
	for _, t := range now.tags[subject] {
		if !contains(before.tags[subject], t) {
			list = append(list, "+ "+t)
		}
	}
	for _, t := range before.tags[subject] {
		if !contains(now.tags[subject], t) {
			list = append(list, "- "+t)
		}
	}
	return list
}

// move tells in at most one line that an instance is elsewhere now.
func move(before, now *scene, subject string) []string {
	from, to := strings.Join(before.places[subject], ", "), strings.Join(now.places[subject], ", ")
	if from == to || from == "" || to == "" {
		return nil
	}
	return []string{fmt.Sprintf("now on %s, was on %s", to, from)}
}
