package compatibility

import (
	"fmt"
	"slices"
	"strings"
)

// Way is how an upgrade goes through the instance groups.
type Way string

// The ways.
const (
	WebFirst     Way = "web-first"     // the web, then the workers one by one
	WorkersFirst Way = "workers-first" // the workers one by one, then the web
	Quiet        Way = "quiet"         // pause everything and wait for builds; the web, then all workers at once
)

// Auto is the wish for the way that errors no build.
const Auto = "auto"

// Now is what runs. What the ATC and its workers report counts before the table.
type Now struct {
	// Version is what the ATC reports of itself, or what the deployed manifest has.
	// Without it, and without Worker, there is no Concourse yet.
	Version string // "8.2.5"
	Worker  string // the worker version that the ATC reports of itself, "2.5"; "": it was not asked
	// Workers are the worker versions of the workers that run.
	Workers []string // ["2.5", "3.0"]
}

// Choice is the way of an upgrade, and what people should know of it.
type Choice struct {
	Way    Way
	Reason string   // "worker version 2.5 → 3.0 is another major: no order of web nodes and workers serves builds"
	Notes  []string // "9.0.0 is not in the table of versions …": each a sentence
}

// String is the way with its reason, for people.
func (c Choice) String() string { return fmt.Sprintf("%s: %s", c.Way, c.Reason) }

// Choose decides how Concourse gets to a version. The wish is one of the ways, or auto
// or empty for the one that errors no build. A wish that does error builds is taken, and
// the notes say which.
func Choose(now Now, to, wish string) (Choice, error) {
	fitting := now.choose(to)
	switch Way(wish) {
	case "", Auto:
		return fitting.Choice, nil
	case WebFirst, WorkersFirst, Quiet:
	default:
		return Choice{}, fmt.Errorf("choose the way of the upgrade: there is no way %q: want %s, %s, %s or %s", wish, Auto, WebFirst, WorkersFirst, Quiet)
	}
	wished := Choice{Way: Way(wish), Reason: "as upgrade.way says; " + fitting.Reason, Notes: fitting.Notes}
	if wished.Way != fitting.Way {
		wished.Reason = fmt.Sprintf("as upgrade.way says, where auto would choose %s; %s", fitting.Way, fitting.Reason)
		if note := fitting.against(wished.Way); note != "" {
			wished.Notes = append(wished.Notes, note)
		}
	}
	return wished, nil
}

// situation is what a choice is made from, and the choice.
type situation struct {
	Choice
	web, to level   // of the web that runs, and of the one that is wanted
	fleet   []level // of the workers that run; without a report, that of the web
	served  []level // those of the fleet that take steps now
	calm    bool    // no way errors a build
}

// choose finds the way that errors no build.
func (now Now) choose(to string) situation {
	s := now.look(to)
	switch {
	case now.Version == "" && now.Worker == "":
		s.calm, s.Way, s.Reason = true, WebFirst, "there is no Concourse yet, and so no build"
	case same(now.Version, to) && !s.to.known:
		s.calm, s.Way, s.Reason = true, WebFirst, fmt.Sprintf("Concourse stays at %s, and so does its worker version", to)
	case !s.web.known || !s.to.known:
		unknown := now.Version
		if s.web.known {
			unknown = to
		}
		s.Way = Quiet
		s.Reason = fmt.Sprintf("the worker version of Concourse %s is not known: it counts as another major, for which no order of web nodes and workers serves builds", unknown)
	case s.errs(WebFirst) == "":
		s.Way, s.Reason = WebFirst, s.whyWebFirst()
	case s.errs(WorkersFirst) == "":
		s.Way = WorkersFirst
		s.Reason = fmt.Sprintf("worker version %s → %s is a newer minor: new workers serve builds under the old web node, old workers none under the new web node", s.web, s.to)
	default:
		s.Way, s.Reason = Quiet, s.whyQuiet()
	}
	return s
}

// whyQuiet says why no order of web nodes and workers serves builds.
func (s situation) whyQuiet() string {
	switch {
	case s.web.cutOff(s.to):
		return fmt.Sprintf("worker version %s → %s: old workers serve no builds under the new web node, and containers on new workers have no network under the old web node: no order of web nodes and workers serves builds", s.web, s.to)
	case s.to.cutOff(s.web):
		return fmt.Sprintf("worker version %s → %s: containers on the workers that run have no network under a web node that is so old, and older workers serve no builds under the web node that runs: no order of web nodes and workers serves builds", s.web, s.to)
	}
	return fmt.Sprintf("worker version %s → %s is another major: no order of web nodes and workers serves builds", s.web, s.to)
}

// whyWebFirst says why the workers that run serve builds under the new web.
func (s situation) whyWebFirst() string {
	switch {
	case s.web == s.to:
		return fmt.Sprintf("worker version %s stays: old workers serve builds under the new web node", s.web)
	case s.to.serves(s.web):
		return fmt.Sprintf("worker version %s → %s is an older minor: the newer workers serve builds under the older web node", s.web, s.to)
	}
	return fmt.Sprintf("worker version %s → %s, and the workers that run have %s already: they serve builds under the new web node", s.web, s.to, join(s.fleet))
}

// look gathers what is known, and notes what is not.
func (now Now) look(to string) situation {
	var s situation
	running := Concourse(now.Version)
	s.web = readLevel(now.Worker)
	if !s.web.known {
		s.web = readLevel(running.Worker)
		if now.Version != "" && !same(now.Version, to) {
			s.note(running)
		}
	}
	target := Concourse(to)
	switch {
	case same(now.Version, to) && s.web.known:
		s.to = s.web // what runs says it better than the table
	default:
		s.to = readLevel(target.Worker)
		s.note(target)
	}
	for _, text := range now.Workers {
		if l := readLevel(text); l.known && !slices.Contains(s.fleet, l) {
			s.fleet = append(s.fleet, l)
		}
	}
	slices.SortFunc(s.fleet, level.compare)
	if len(s.fleet) == 0 && s.web.known {
		s.fleet = []level{s.web}
	}
	s.noteIdle()
	return s
}

// note says what the table lacks.
func (s *situation) note(v Version) {
	switch v.Match {
	case Line:
		s.Notes = append(s.Notes, fmt.Sprintf("Concourse %s is not in the table of versions (%s): it counts as %s, the newest of its line there", v.Version, Source(), v.As))
	case Unknown:
		s.Notes = append(s.Notes, fmt.Sprintf("Concourse %s is not in the table of versions (%s): it counts as a new major; a newer perpetual may know it", v.Version, Source()))
	}
}

// noteIdle says which workers serve no builds now, and goes on without them.
func (s *situation) noteIdle() {
	var idle, cut []level
	for _, l := range s.fleet {
		switch {
		case s.web.serves(l):
			s.served = append(s.served, l)
		case s.web.cutOff(l):
			cut = append(cut, l)
		default:
			idle = append(idle, l)
		}
	}
	if len(idle) > 0 && s.web.known {
		s.Notes = append(s.Notes, fmt.Sprintf("workers with worker version %s take no step from the web node with %s, and will not until they or the web node are replaced", join(idle), s.web))
	}
	if len(cut) > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("containers on workers with worker version %s have no network under the web node with %s, and will not until they or the web node are replaced", join(cut), s.web))
	}
}

// errs says which builds a way errors; "" for none.
func (s situation) errs(w Way) string {
	switch w {
	case WebFirst:
		affected := s.served
		if len(affected) == 0 && !s.to.serves(s.web) {
			affected = s.fleet // no build runs on our own workers, but it may on others
		}
		var lost []level
		for _, l := range affected {
			if !s.to.serves(l) {
				lost = append(lost, l)
			}
		}
		switch {
		case len(lost) > 0 && s.to.cutOff(lost[len(lost)-1]):
			return fmt.Sprintf("from the restart of the web node until the first new worker runs, containers on workers with worker version %s have no network, as a web node with %s does not ask for it: gets, puts and checks hang", join(lost), s.to)
		case len(lost) > 0:
			return fmt.Sprintf("from the restart of the web node until the first new worker runs, every build on workers with worker version %s errors, as a web node with %s gives them no step", join(lost), s.to)
		}
	case WorkersFirst:
		switch {
		case s.web.cutOff(s.to):
			return fmt.Sprintf("containers on workers with worker version %s have no network until the web node is replaced, as one of worker version %s does not ask for it: gets, puts and checks hang there", s.to, s.web)
		case !s.web.serves(s.to):
			return fmt.Sprintf("a web node with worker version %s gives no step to workers with %s: once they have replaced the old ones, every build errors until the web node is replaced", s.web, s.to)
		}
	}
	return ""
}

// against says what a wished way errors, "" for nothing.
func (s situation) against(w Way) string {
	if s.calm || w == Quiet {
		return ""
	}
	if !s.web.known || !s.to.known {
		return fmt.Sprintf("%s may error every build that runs meanwhile: whether old workers serve under the new web node, or new ones under the old, is not known", w)
	}
	if what := s.errs(w); what != "" {
		return fmt.Sprintf("%s errors builds: %s", w, what)
	}
	return ""
}

// same says whether two texts are the same version, but for build metadata.
func same(a, b string) bool {
	va, vb := parse(a), parse(b)
	if va == nil || vb == nil {
		return a != "" && strings.TrimSpace(a) == strings.TrimSpace(b)
	}
	return va.Equal(vb)
}
