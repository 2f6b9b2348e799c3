package director

import (
	"errors"
	"strconv"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
)

// eventLine is one line of a task's event log.
type eventLine struct {
	Time     int64      `json:"time"`     // seconds since 1970
	Stage    string     `json:"stage"`    // "Updating instance"
	Tags     []string   `json:"tags"`     // ["web"], [] if the stage is of no instance group
	Total    int        `json:"total"`    // how many tasks the stage has
	Task     string     `json:"task"`     // "web/436cb8d0-438d-4f34-b67e-4c8f6a5488ef (0) (canary)"
	Index    int        `json:"index"`    // which of them, from 1
	State    string     `json:"state"`    // "started", "in_progress", "finished", "failed"
	Progress int        `json:"progress"` // percent
	Data     *eventData `json:"data,omitempty"`
}

// eventData is what a line tells beside its progress.
type eventData struct {
	Status string `json:"status,omitempty"` // "executing pre-start"
	Error  string `json:"error,omitempty"`  // why it failed
}

// fatalLine is the last line of a task that failed or was cancelled.
type fatalLine struct {
	Time  int64      `json:"time"` // seconds since 1970
	Error fatalError `json:"error"`
}

type fatalError struct {
	Code    int    `json:"code"`    // 450001
	Message string `json:"message"` // whole, unlike the task's result
}

// stage is a group of tasks in the event log.
type stage struct {
	job   *job
	name  string
	tags  []string
	total int

	mu    sync.Mutex
	index int
}

// step is one task of a stage.
type step struct {
	stage *stage
	task  string
	index int
}

func (j *job) stage(name string, total int, tags ...string) *stage {
	if tags == nil {
		tags = []string{}
	}
	return &stage{job: j, name: name, tags: tags, total: total}
}

// step runs one task of the stage and logs its start and its end.
func (s *stage) step(task string, run func(*step) error) error {
	s.mu.Lock()
	s.index++
	st := &step{stage: s, task: task, index: s.index}
	s.mu.Unlock()
	st.write("started", 0, nil)
	err := run(st)
	switch {
	case errors.Is(err, errGone):
	case err != nil:
		st.write("failed", 100, &eventData{Error: asFailure(s.job.named(err)).Message})
	default:
		st.write("finished", 100, nil)
	}
	return err
}

// alone runs a stage of one task that is named like it.
func (j *job) alone(name string, run func(*step) error) error {
	return j.stage(name, 1).step(name, run)
}

// progress logs how far the step is.
func (st *step) progress(percent int, status string) {
	st.write("in_progress", percent, &eventData{Status: status})
}

func (st *step) write(state string, progress int, data *eventData) {
	q := st.stage.job.queue
	q.Lock()
	defer q.Unlock()
	st.stage.job.log(eventLine{
		Time: q.Now().Unix(), Stage: st.stage.name, Tags: st.stage.tags, Total: st.stage.total,
		Task: st.task, Index: st.index, State: state, Progress: progress, Data: data,
	})
}

// log appends a line to the event log. The caller holds the lock.
func (j *job) log(line any) {
	if j.task.frozen || j.task.finished() {
		return
	}
	_, _ = j.task.events.Write(append(api.Encode(line), '\n'))
}

// fatal appends the last line of a failed task. The caller holds the lock.
func (j *job) fatal(f *api.Failure) {
	_, _ = j.task.events.Write(append(api.Encode(fatalLine{
		Time: j.queue.Now().Unix(), Error: fatalError{Code: f.Code, Message: f.Message},
	}), '\n'))
}

// named turns errCancelled into the director's error, which names the task.
func (j *job) named(err error) error {
	if errors.Is(err, errCancelled) {
		return &api.Failure{Code: 10001, Message: "Task " + strconv.Itoa(j.task.id) + " cancelled"}
	}
	return err
}

// print appends to the task's result output.
func (j *job) print(text string) {
	j.queue.Lock()
	defer j.queue.Unlock()
	if !j.task.frozen {
		_, _ = j.task.output.WriteString(text)
	}
}
