package pause

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// pipelineOf finds a listed pipeline by its id: it may have another name by now,
// and another pipeline may have its name. An archived one counts as gone.
func pipelineOf(e Entry, pipelines []concourse.PipelineState) (concourse.PipelineState, bool) {
	i := slices.IndexFunc(pipelines, func(p concourse.PipelineState) bool { return p.ID == e.ID && !p.Archived })
	if i < 0 {
		return concourse.PipelineState{}, false
	}
	return pipelines[i], true
}

// converge makes the list be what is to be paused, by what the pipelines are
// now. notes say what people have done meanwhile.
func (l *List) converge(pipelines []concourse.PipelineState, own Own) (notes []string) {
	before := slices.Clone(l.Pipelines)
	l.Pipelines = nil
	for _, e := range before {
		p, there := pipelineOf(e, pipelines)
		if !there {
			continue
		}
		next, note := l.meet(e, p)
		if next.Step != "" {
			l.Pipelines = append(l.Pipelines, next)
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	for _, p := range pipelines {
		listed := slices.ContainsFunc(l.Pipelines, func(e Entry) bool { return e.ID == p.ID })
		if !p.Paused && !p.Archived && !listed && !own.has(p) {
			l.Pipelines = append(l.Pipelines, Entry{ID: p.ID, Team: p.Team, Name: p.Name, InstanceVars: p.InstanceVars, Step: Listed})
		}
	}
	return notes
}

// same says whether two lists hold the same pipelines at the same steps.
func (l List) same(other List) bool {
	return l.Phase == other.Phase && slices.EqualFunc(l.Pipelines, other.Pipelines, func(a, b Entry) bool {
		return a.ID == b.ID && a.Step == b.Step && a.By == b.By && a.At == b.At
	})
}

// meet is what becomes of an entry whose pipeline is there. The zero Entry drops it.
func (l *List) meet(e Entry, p concourse.PipelineState) (next Entry, note string) {
	switch {
	case !p.Paused && l.Phase == Resuming:
		return Entry{}, "" // by us: an upgrade that begins now pauses it as any other
	case !p.Paused && e.Step == Held:
		e.Step = Freed
		return e, fmt.Sprintf("pipeline %s was unpaused by somebody: it is left running", label(p.Team, p.Pipeline))
	case !p.Paused:
		return e, ""
	}
	if by, other := l.pausedByOther(e, p); other {
		return Entry{}, fmt.Sprintf("pipeline %s was paused by %s: it stays paused when the upgrade is over", label(p.Team, p.Pipeline), by)
	}
	return held(e, p), ""
}

// held is an entry whose pause by us was seen.
func held(e Entry, p concourse.PipelineState) Entry {
	e.Step, e.By, e.At = Held, p.PausedBy, pausedAt(p)
	return e
}

// settle notes, right after our pauses of the pipelines with these ids, what
// Concourse shows of them.
func (l *List) settle(pipelines []concourse.PipelineState, paused map[int]bool) (notes []string) {
	before := l.Pipelines
	l.Pipelines = nil
	for _, e := range before {
		p, there := pipelineOf(e, pipelines)
		if !there {
			continue
		}
		if e.Step == Listed && !p.Paused && paused[e.ID] {
			e.Step = Held // for a moment it was
		}
		next, note := l.meet(e, p)
		if next.Step != "" {
			l.Pipelines = append(l.Pipelines, next)
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	if !slices.ContainsFunc(l.Pipelines, func(e Entry) bool { return e.Step == Listed }) {
		l.Phase = Paused
	}
	return notes
}

// targets are the pipelines that are to be paused.
func (l *List) targets(pipelines []concourse.PipelineState) []concourse.PipelineState {
	var targets []concourse.PipelineState
	for _, e := range l.Pipelines {
		if p, there := pipelineOf(e, pipelines); there && e.Step == Listed && !p.Paused {
			targets = append(targets, p)
		}
	}
	return targets
}

// pausedByOther says whether somebody else has paused a pipeline of the list,
// and who. Where Concourse does not say by whom and when a pipeline was paused,
// nobody else has who has not unpaused it before.
func (l *List) pausedByOther(e Entry, p concourse.PipelineState) (by string, other bool) {
	switch {
	case e.Step == Freed:
		other = true
	case p.PausedBy == "" && p.PausedAt.IsZero():
	case e.Step == Held:
		other = p.PausedBy != e.By || pausedAt(p) != e.At
	default:
		other = p.PausedBy != "" && l.User != "" && p.PausedBy != l.User
	}
	return cmp.Or(p.PausedBy, "somebody else"), other
}

// pausedAt is when a pipeline was paused, in Unix seconds; 0 where Concourse does not say.
func pausedAt(p concourse.PipelineState) int64 {
	if p.PausedAt.IsZero() {
		return 0
	}
	return p.PausedAt.Unix()
}
