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
	if n := len(g.tags); n > most {
		return []string{fmt.Sprintf("%d objects, the first %s", n, badTagText(g.tags[0]))}
	}
	var list []string
	for _, b := range g.tags {
		list = append(list, badTagText(b))
	}
	return list
}

func badTagText(b report.BadTag) string {
	text := fmt.Sprintf("%s: %s: %s", b.Object, b.Tag, b.Why)
	if b.Suggest != "" {
		text += "; did you mean " + b.Suggest + "?"
	}
	return text
}

// allBadTags lists the unreadable tags of the cluster, the node groups, the nodes and
// the instances.
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
		if n := len(g.tags); n > linesEach {
			r.log.Warn("unreadable tag", append([]any{"objects", n}, badTagArgs(g.tags[0])...)...)
			continue
		}
		for _, b := range g.tags {
			r.log.Warn("unreadable tag", badTagArgs(b)...)
		}
	}
}

func badTagArgs(b report.BadTag) []any {
	args := []any{"object", b.Object, "tag", b.Tag, "why", b.Why}
	if b.Suggest != "" {
		args = append(args, "did_you_mean", b.Suggest)
	}
	return args
}
