package pause_test

import (
	"errors"
	"fmt"
	random "math/rand"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/quick"
	"testing/synctest"

	"github.com/perpetual-ci/perpetual/pkg/pause"
)

// play is a random world with people in it.
type play struct {
	*site
	t   *testing.T
	rng *rand.Rand
	// wanted says which pipelines are to be paused at the end: as they were at
	// first, or as a person has made them last.
	wanted map[int]bool
	// untouched are the pipelines that no person has had since Begin.
	untouched map[int]bool
	people    bool // they act now
	// unpausing: a pause between End's look and its unpause cannot be seen.
	ending, unpausing bool
	killAt            int // the call, counted before and after its effect, at which the process dies; 0: never
	dead              bool
	story             []string
}

func newPlay(t *testing.T, seed uint64) *play {
	rng := rand.New(rand.NewPCG(seed, 1))
	var names []string
	for i := range rng.IntN(6) {
		state := []string{"app", "paused"}[rng.IntN(2)]
		names = append(names, fmt.Sprintf("%s/%s%d", []string{"main", "dev"}[rng.IntN(2)], state, i))
	}
	p := &play{site: newSite(names...), t: t, rng: rng, wanted: map[int]bool{}, untouched: map[int]bool{}}
	for _, pipeline := range p.pipelines {
		p.wanted[pipeline.ID] = pipeline.Paused
	}
	p.web.step, p.configs.step = p.step, p.step
	return p
}

// step is what happens beside a call.
func (p *play) step(call string, after bool) error {
	if p.dead {
		return errKilled
	}
	if call == "pipelines" {
		p.unpausing = after && p.ending
	}
	if p.people && p.rng.IntN(5) == 0 {
		p.person()
	}
	if p.killAt--; p.killAt == 0 {
		p.dead = true
		p.story = append(p.story, "killed at "+call)
		return errKilled
	}
	return nil
}

// person does something to a pipeline that is not our own.
func (p *play) person() {
	if len(p.pipelines) < 2 || p.rng.IntN(6) == 0 {
		p.wanted[p.add(fmt.Sprintf("dev/new%d", p.nextID)).ID] = false
		p.story = append(p.story, "made dev/new")
		return
	}
	i := p.rng.IntN(len(p.pipelines))
	pipeline := &p.pipelines[i]
	if pipeline.Name == own.Pipeline {
		return
	}
	id := pipeline.ID
	delete(p.untouched, id)
	did := "nothing"
	switch p.rng.IntN(5) {
	case 0, 1: // it is not seen that somebody pauses what is paused
		if !p.unpausing && p.pause(id, "ada") {
			p.wanted[id], did = true, "paused"
		}
	case 2, 3:
		if p.unpause(id) {
			p.wanted[id], did = false, "unpaused"
		}
	default:
		if p.rng.IntN(2) == 0 {
			pipeline.Name, did = fmt.Sprintf("renamed%d", len(p.story)), "renamed"
			break
		}
		p.pipelines = append(p.pipelines[:i:i], p.pipelines[i+1:]...)
		delete(p.wanted, id)
		did = "deleted"
	}
	p.story = append(p.story, fmt.Sprintf("ada %s %d", did, id))
}

// process runs do in a process that may be killed at any of its calls.
func (p *play) process(name string, killed bool, do func(pause.Pause) error) (survived bool) {
	p.dead, p.killAt = false, 0
	p.ending, p.unpausing = name == "end", false
	if killed {
		p.killAt = 1 + p.rng.IntN(40)
	}
	p.story = append(p.story, name)
	err := do(p.run())
	if err != nil && !errors.Is(err, errKilled) {
		p.t.Errorf("%s: %v", name, err)
	}
	return err == nil
}

// upgrade is one put with its quiet upgrade, up to where it was killed.
func (p *play) upgrade(killed bool) bool {
	return p.process("upgrade", killed, func(run pause.Pause) error {
		if !p.underWay() { // what a person has unpaused since the list was begun is left alone
			for _, pipeline := range p.pipelines {
				p.untouched[pipeline.ID] = pipeline.Name != own.Pipeline
			}
		}
		if err := run.Begin(p.t.Context(), "8.2.5", "8.3.0"); err != nil {
			return err
		}
		if err := run.Wait(p.t.Context()); err != nil {
			return err
		}
		for _, pipeline := range p.pipelines { // the deploy begins
			if p.untouched[pipeline.ID] && !pipeline.Paused {
				p.t.Errorf("%s is not paused\n%s\n%s", pipeline.Name, strings.Join(p.story, "\n"), p.log.String())
			}
		}
		return run.Accepted(p.t.Context(), 42)
	})
}

// underWay says whether a run that was killed has left a list to go on from.
func (p *play) underWay() bool {
	people, kill := p.people, p.killAt
	p.people, p.killAt = false, 0
	list := p.list(p.t)
	p.people, p.killAt = people, kill
	return list.Active() && list.Phase != pause.Resuming
}

func (p *play) resume(killed bool) bool {
	return p.process("end", killed, func(run pause.Pause) error {
		_, err := run.End(p.t.Context())
		return err
	})
}

// check wants everything as people want it.
func (p *play) check() bool {
	ok := true
	for _, pipeline := range p.pipelines {
		if pipeline.Paused != p.wanted[pipeline.ID] {
			p.t.Errorf("pipeline %d (%s) is paused %t, wanted is %t", pipeline.ID, pipeline.Name, pipeline.Paused, p.wanted[pipeline.ID])
			ok = false
		}
	}
	if list := p.list(p.t); list.Active() {
		p.t.Errorf("the list is not empty: %+v", list)
		ok = false
	}
	for _, call := range p.calls {
		if strings.HasSuffix(call, "/"+own.Pipeline) {
			p.t.Errorf("our own pipeline: %s", call)
			ok = false
		}
	}
	if !ok {
		p.t.Logf("%s\n%s", strings.Join(p.story, "\n"), p.log.String())
	}
	return ok
}

// Whatever people do to pipelines, and wherever processes are killed: when one
// has come to its end, nothing of ours stays paused, and everything is as people
// want it.
func TestPause_leavesEverythingAsPeopleWantIt(t *testing.T) {
	plays, kills := 0, 0
	holds := func(seed uint64) bool {
		ok := true
		synctest.Test(t, func(t *testing.T) {
			p := newPlay(t, seed)
			p.people = true
			for range 1 + p.rng.IntN(4) {
				if !p.upgrade(p.rng.IntN(3) > 0) {
					kills++
				}
				if p.rng.IntN(2) == 0 && !p.resume(true) {
					kills++
				}
			}
			if !p.resume(false) {
				t.Error("End does not come to its end")
			}
			p.dead = false
			ok = p.check() && !t.Failed()
		})
		plays++
		return ok
	}
	if err := quick.Check(holds, &quick.Config{MaxCount: 600, Rand: random.New(random.NewSource(7))}); err != nil {
		t.Error(err)
	}
	t.Logf("%d plays with %d killed processes", plays, kills)
	if kills < plays/2 {
		t.Errorf("only %d of %d plays have a kill: this shows little", kills, plays)
	}
}

// The kill at each single call, without people.
func TestPause_killedAtAnyCallAndAgainEndsAsOneRun(t *testing.T) {
	const calls = 60
	survived := false
	for at := 1; at < calls && !survived; at++ {
		synctest.Test(t, func(t *testing.T) {
			p := &play{site: newSite("main/app", "dev/paused", "dev/lib"), t: t, wanted: map[int]bool{}, untouched: map[int]bool{}}
			for _, pipeline := range p.pipelines {
				p.wanted[pipeline.ID] = pipeline.Paused
			}
			p.web.step, p.configs.step, p.killAt = p.step, p.step, at
			run := p.run()
			err := run.Begin(t.Context(), "8.2.5", "8.3.0")
			if err == nil {
				err = run.Wait(t.Context())
			}
			if err == nil {
				err = run.Accepted(t.Context(), 42)
			}
			if err == nil {
				_, err = run.End(t.Context())
			}
			survived = err == nil
			if err != nil && !errors.Is(err, errKilled) {
				t.Errorf("killed at %d: %v", at, err)
			}
			if at%2 == 0 && !p.upgrade(false) {
				t.Errorf("killed at %d: the next upgrade does not come to its end", at)
			}
			if !p.resume(false) || !p.check() {
				t.Errorf("killed at %d: not as before", at)
			}
		})
	}
	if !survived {
		t.Errorf("a run takes more than %d calls", calls)
	}
}
