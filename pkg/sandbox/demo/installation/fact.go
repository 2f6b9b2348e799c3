package installation

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/stage"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
)

// installFacts are what the demo has seen and judges by.
type installFacts struct {
	begin, installed, end  inventory
	first, second          deployed
	written, writtenInside changes
	firstRound             []player.Outcome
	before, upgraded       changes
	inside                 []deployed // by the pipeline
	upgrade, verify        player.Outcome
	ways                   []string          // what it said of the way of the upgrade
	accepted               time.Time         // when the director has accepted the upgrade's deploy
	events                 []concourse.Event // of the upgrade
	hidden                 bool              // no secret of SSM was in the pipeline
	unreachable            bool              // a pipeline of another team reads none of them
	ownKeys                bool              // the last build had keys of the pipeline's user
	keysLeft               int               // that user's after destroy
	planned                bool              // plan said that nothing would change
	left                   []string
	taskEnded              time.Time // of the upgrade's deploy
	attack                 attackFacts
}

// lastInside is what the last build of the pipeline did.
func (f *installFacts) lastInside() deployed {
	if len(f.inside) == 0 {
		return deployed{}
	}
	return f.inside[len(f.inside)-1]
}

// stack tells of many resources in few lines.
type stack struct {
	mu          sync.Mutex
	there, gone int
	open        bool
}

// shownTypes are the resources that have lines of their own.
var shownTypes = []string{"AWS::EC2::VPC", "AWS::RDS::DBInstance"}

// count takes one line of the simulator; ok says whether it is worth telling.
func (s *stack) count(what string) (line string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, word := &s.there, "are there"
	if strings.HasSuffix(what, "is gone") {
		n, word = &s.gone, "are gone"
	}
	*n++
	s.open = true
	if slices.ContainsFunc(shownTypes, func(t string) bool { return strings.Contains(what, "("+t+")") }) {
		return what, true
	}
	if *n%10 == 0 {
		return fmt.Sprintf("%d resources %s", *n, word), true
	}
	return "", false
}

// close tells how many it were, at the end of the step.
func (s *stack) close(line *stage.Timeline, step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if step != "infrastructure" || !s.open {
		return
	}
	s.open = false
	if s.gone > 0 {
		line.Add("CloudFormation", fmt.Sprintf("%d resources are gone", s.gone))
		return
	}
	line.Add("CloudFormation", fmt.Sprintf("%d resources are there", s.there))
}

// observe puts what the simulators do on the timeline.
func (i *install) observe(who, what string) {
	if who == "CloudFormation" {
		line, ok := i.stack.count(what)
		if !ok {
			return
		}
		what = line
	}
	i.line.Add(who, what)
}

// observePlayer puts what Concourse does on the timeline.
func (i *install) observePlayer(h player.Happening) {
	job := fmt.Sprintf("%s #%s", h.Job, h.Build)
	switch {
	case h.Kind == "check" && h.Err != nil:
		i.line.Add("Concourse", fmt.Sprintf("check of %s fails: %v", h.Resource, h.Err))
	case h.Kind == "check":
		for _, v := range h.Versions {
			i.line.Add("Concourse", fmt.Sprintf("check of %s finds %s", h.Resource, stage.VersionText(v)))
		}
	case h.Kind == "build" && h.Err != nil:
		i.line.Add(job, fmt.Sprintf("build %s: %v", h.Status, h.Err))
	case h.Kind == "build":
		i.line.Add(job, "build "+h.Status)
	case h.Kind == "get":
		i.line.Add(job, fmt.Sprintf("got %s %s", h.Resource, stage.VersionText(h.Versions[0])))
	case h.Kind == "load_var":
		i.line.Add(job, fmt.Sprintf("loaded %s %s", h.Resource, h.Value))
	}
}

// follow tells when a director task ends. Nobody in the pipeline does.
func (i *install) follow(id int) {
	task, err := i.site.Director.Wait(i.ctx, id)
	if err != nil {
		return
	}
	i.line.Add("BOSH", fmt.Sprintf("director task %d is over: %s", id, task.State))
}

// userOf is the name of a user that the stack has.
func (i *install) userOf(logicalID string) string {
	for _, stack := range i.site.Stacks.State().Stacks {
		if r, there := stack.Resources[logicalID]; there {
			return r.PhysicalID
		}
	}
	return ""
}
