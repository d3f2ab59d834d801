package read

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

const (
	// nodePatience is how long nodes may take to answer what luxid asks them. It gives
	// up connecting after 5 s (src/Ganeti/Rpc.hs), but waits for 60 s for a node that
	// took the call and hangs, and then for all the others with it.
	nodePatience = 8 * time.Second
	// askedAtOnce is how many nodes are asked on their own at a time.
	askedAtOnce = 64
)

// AskNodes has luxid ask nodes something by ask, all together. Where that takes
// longer than nodePatience, or than a quarter of the time that is left, it has each
// asked on its own: what a node that hangs would have said is missing then from
// the tables, and nothing else is (C5).
func AskNodes(ctx context.Context, nodes []string, ask func(ctx context.Context, nodes []string) (*luxi.Table, error)) ([]*luxi.Table, error) {
	return AskNodesWithin(ctx, patience(ctx), nodes, ask)
}

// patience returns how long nodes may take to answer in the time that the context leaves.
func patience(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok && time.Until(end)/4 < nodePatience {
		return time.Until(end) / 4
	}
	return nodePatience
}

// readAnswers asks the nodes whose tags go once they answer whether they do: those that
// are online and have a tag fenced or silent (T12).
func (r *Reader) readAnswers(ctx context.Context, s *repair.Snapshot) error {
	var nodes []string
	for _, n := range s.Nodes {
		if !n.Offline && len(n.Tags.NodeMarks()) > 0 {
			nodes = append(nodes, n.Name)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	sort.Strings(nodes)
	a, err := WhoAnswers(ctx, r.Client, patience(ctx), nodes)
	if err != nil {
		return err
	}
	for _, name := range nodes {
		s.Nodes[name].Answers = a.Answers[name] == repair.AnswerGiven
	}
	return nil
}

// askAllNodes asks all nodes by one query, and waits as long as luxid does.
func askAllNodes(ctx context.Context, nodes []string, ask func(context.Context, []string) (*luxi.Table, error)) ([]*luxi.Table, error) {
	t, err := ask(ctx, nodes)
	return []*luxi.Table{t}, err
}

// AskNodesWithin asks all nodes by one query. Where that is not answered within the
// patience it asks each node on its own, and leaves out those that hang.
func AskNodesWithin(ctx context.Context, patience time.Duration, nodes []string, ask func(context.Context, []string) (*luxi.Table, error)) ([]*luxi.Table, error) {
	t, hangs, err := askWithin(ctx, patience, nodes, ask)
	switch {
	case err != nil:
		return nil, err
	case !hangs:
		return []*luxi.Table{t}, nil
	case len(nodes) == 1:
		return nil, nil
	}
	answers := make([]*luxi.Table, len(nodes)) // in the order of the nodes, nil of those that hang
	errs := make([]error, len(nodes))
	turn := make(chan struct{}, askedAtOnce)
	var all sync.WaitGroup
	for k := range nodes {
		k := k
		turn <- struct{}{}
		all.Add(1)
		go func() {
			defer func() { <-turn; all.Done() }()
			answers[k], _, errs[k] = askWithin(ctx, patience, nodes[k:k+1], ask)
		}()
	}
	all.Wait()
	var tables []*luxi.Table
	for k, t := range answers {
		if errs[k] != nil {
			return nil, errs[k]
		}
		if t != nil {
			tables = append(tables, t)
		}
	}
	return tables, nil
}

// askWithin reports whether ask took longer than patience, with the context's own
// end yet to come; then there is no error.
func askWithin(ctx context.Context, patience time.Duration, nodes []string, ask func(context.Context, []string) (*luxi.Table, error)) (t *luxi.Table, hangs bool, err error) {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t, err = ask(within, nodes)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, true, nil
	}
	return t, false, err
}
