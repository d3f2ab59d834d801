package main

import "github.com/alecthomas/kong"

// flagsFirst moves the flags of a command line before its arguments, so that they
// may stand anywhere, as they may for gnt-*: kong takes a list of arguments for
// over at the first flag. What follows "--" stays as it is.
func flagsFirst(model *kong.Application, args []string) []string {
	valued := make(map[string]bool) // by "--name" and "-n": takes a value
	add := func(flags []*kong.Flag) {
		for _, f := range flags {
			valued["--"+f.Name] = !f.IsBool() && !f.IsCounter()
			if f.Short != 0 {
				valued["-"+string(f.Short)] = valued["--"+f.Name]
			}
		}
	}
	add(model.Flags)
	var flags, others []string
	command := false
	for k := 0; k < len(args); k++ {
		arg := args[k]
		switch {
		case arg == "--":
			return append(append(flags, others...), args[k:]...)
		case len(arg) > 1 && arg[0] == '-':
			flags = append(flags, arg)
			if valued[arg] && k+1 < len(args) {
				k++
				flags = append(flags, args[k])
			}
		case !command:
			// Flags before the command are those of all commands.
			command = true
			flags = append(flags, arg)
			for _, c := range model.Children {
				if c.Name == arg {
					add(c.Flags)
				}
			}
		default:
			others = append(others, arg)
		}
	}
	return append(flags, others...)
}
