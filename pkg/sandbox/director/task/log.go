package task

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

// Stage is a group of tasks in the event log.
type Stage struct {
	job   *Job
	name  string
	tags  []string
	total int

	mu    sync.Mutex
	index int
}

// Step is one task of a stage.
type Step struct {
	stage *Stage
	task  string
	index int
}

// Stage begins a stage that has a number of steps, for the instance groups of its tags.
func (j *Job) Stage(name string, total int, tags ...string) *Stage {
	if tags == nil {
		tags = []string{}
	}
	return &Stage{job: j, name: name, tags: tags, total: total}
}

// Step runs one task of the stage and logs its start and its end.
func (s *Stage) Step(task string, run func(*Step) error) error {
	s.mu.Lock()
	s.index++
	st := &Step{stage: s, task: task, index: s.index}
	s.mu.Unlock()
	st.write("started", 0, nil)
	err := run(st)
	switch {
	case errors.Is(err, ErrGone):
	case err != nil:
		st.write("failed", 100, &eventData{Error: AsFailure(s.job.named(err)).Message})
	default:
		st.write("finished", 100, nil)
	}
	return err
}

// Alone runs a stage of one task that is named like it.
func (j *Job) Alone(name string, run func(*Step) error) error {
	return j.Stage(name, 1).Step(name, run)
}

// Progress logs how far the step is.
func (st *Step) Progress(percent int, status string) {
	st.write("in_progress", percent, &eventData{Status: status})
}

func (st *Step) write(state string, progress int, data *eventData) {
	q := st.stage.job.queue
	q.Lock()
	defer q.Unlock()
	st.stage.job.log(eventLine{
		Time: q.Now().Unix(), Stage: st.stage.name, Tags: st.stage.tags, Total: st.stage.total,
		Task: st.task, Index: st.index, State: state, Progress: progress, Data: data,
	})
}

// log appends a line to the event log. The caller holds the lock.
func (j *Job) log(line any) {
	if j.Task.frozen || j.Task.finished() {
		return
	}
	_, _ = j.Task.events.Write(append(api.Encode(line), '\n'))
}

// fatal appends the last line of a failed task. The caller holds the lock.
func (j *Job) fatal(f *api.Failure) {
	_, _ = j.Task.events.Write(append(api.Encode(fatalLine{
		Time: j.queue.Now().Unix(), Error: fatalError{Code: f.Code, Message: f.Message},
	}), '\n'))
}

// named turns errCancelled into the director's error, which names the task.
func (j *Job) named(err error) error {
	if errors.Is(err, errCancelled) {
		return &api.Failure{Code: 10001, Message: "Task " + strconv.Itoa(j.Task.ID) + " cancelled"}
	}
	return err
}

// Print appends to the task's result output.
func (j *Job) Print(text string) {
	j.queue.Lock()
	defer j.queue.Unlock()
	if !j.Task.frozen {
		_, _ = j.Task.output.WriteString(text)
	}
}
