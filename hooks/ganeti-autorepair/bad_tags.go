package main

import (
	"fmt"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// badTagGroup is a fault that several tags have.
type badTagGroup struct {
	why  string
	tags []report.BadTag
}

// groupBadTags puts tags together that have the same fault.
func groupBadTags(list []report.BadTag) []*badTagGroup {
	byWhy := make(map[string]*badTagGroup)
	var groups []*badTagGroup
	for _, b := range list {
		g := byWhy[b.Why]
		if g == nil {
			g = &badTagGroup{why: b.Why}
			byWhy[b.Why] = g
			groups = append(groups, g)
		}
		g.tags = append(g.tags, b)
	}
	return groups
}

// lines returns a text for each tag of the group, or one for all if there are more
// than that.
func (g badTagGroup) lines(most int) []string {
	first := g.tags[0]
	if len(g.tags) > most {
		return []string{fmt.Sprintf("%d objects, the first %s: %s: %s", len(g.tags), first.Object, first.Tag, g.why)}
	}
	var list []string
	for _, b := range g.tags {
		list = append(list, fmt.Sprintf("%s: %s: %s", b.Object, b.Tag, b.Why))
	}
	return list
}

// allBadTags lists the unreadable tags of the cluster, the node groups and the
// instances.
func allBadTags(plan *repair.Plan) []report.BadTag {
	list := report.BadTags(plan)
	for _, v := range report.Notable(plan) {
		list = append(list, v.Bad...)
	}
	return list
}

// logBadTags logs tags that cannot be read and that the last pass did not find.
func (r *runner) logBadTags(list []report.BadTag) {
	for _, g := range groupBadTags(list) {
		if first := g.tags[0]; len(g.tags) > linesEach {
			r.log.Warn("unreadable tag", "objects", len(g.tags), "object", first.Object, "tag", first.Tag, "why", g.why)
			continue
		}
		for _, b := range g.tags {
			r.log.Warn("unreadable tag", "object", b.Object, "tag", b.Tag, "why", b.Why)
		}
	}
}
