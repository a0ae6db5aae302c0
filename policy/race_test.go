//go:build race

package policy

func init() { underRace = true }
