package main

// logSteered logs the changes of tags that a person had made: a line for each object,
// or one for many (W8).
func (e *env) logSteered(command, reason string, done []*tagAction) {
	set, err := e.settings()
	if err != nil || len(done) == 0 {
		return
	}
	log, end := e.openLog(set.log, set.logFormat)
	defer end()
	tell := func(args ...any) {
		args = append([]any{"command", command}, args...)
		if reason != "" {
			args = append(args, "why", reason)
		}
		log.Info("steered", args...)
	}
	if len(done) > linesEach {
		var names []string
		for _, a := range done {
			names = append(names, word(a.object))
		}
		tell("objects", len(done), "among_them", among(names), "did", done[0].done)
		return
	}
	for _, a := range done {
		tell("object", word(a.object), "did", a.done)
	}
}
