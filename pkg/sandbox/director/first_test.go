package director_test

import (
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// Of several first deploys of a new deployment at once, one gets a task: for the others
// the row is there when they make it.
func TestDeploy_ofANewDeploymentByManyMakesOneTask(t *testing.T) {
	t.Parallel()
	const many = 5
	var inside sync.WaitGroup
	inside.Add(many)
	w := seeded(t, director.Options{NewDeployment: func(string) {
		inside.Done()
		inside.Wait()
	}})
	statuses := make(chan int, many)
	for range many {
		go func() {
			r := w.do("POST", "/deployments", manifestOf("dep1", 1, "hello"), "Content-Type", "text/yaml")
			if r.status == 500 && r.body != "" {
				t.Errorf("the body of the 500 is %q, want none", r.body)
			}
			statuses <- r.status
		}()
	}
	count := map[int]int{}
	for range many {
		count[<-statuses]++
	}
	if count[302] != 1 || count[500] != many-1 || len(w.Tasks()) != 1 {
		t.Errorf("answers %v and %d tasks, want one 302, else 500, and one task", count, len(w.Tasks()))
	}
	w.ends(1, director.StateDone)
	w.ends(w.deploy(manifestOf("dep1", 1, "again"), ""), director.StateDone) // the row is there
}

func TestLoseJob_leavesAQueuedTaskThatOnlyCancellingEnds(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	id := w.LoseJob("dep1", "ctx-7")
	same(t, "status of the new deployment", w.do("GET", "/deployments/dep1", "").status, 200)
	w.ends(w.deploy(manifestOf("dep1", 1, "hello"), ""), director.StateDone)
	w.clock.Advance(time.Hour)
	task := w.see(id)
	same(t, "state", task.State, director.StateQueued)
	if task.StartedAt != nil || task.Timestamp != nil || task.Result != nil || task.ContextID != "ctx-7" {
		t.Errorf("task %+v, want nulls", task)
	}
	same(t, "status", w.do("DELETE", "/task/"+itoa(id), "").status, 204)
	same(t, "state", w.see(id).State, director.StateTimeout)
}
