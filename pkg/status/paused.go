package status

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/resumption"
)

// PausedPipelines is what a quiet upgrade has paused.
type PausedPipelines struct {
	Phase     string    `json:"phase"`          // "paused"; "pausing" and "resuming" while some may not be
	Since     time.Time `json:"since"`          // when it began
	Build     string    `json:"build"`          // that has paused: "perpetual/self-upgrade/upgrade #12"
	From      string    `json:"from"`           // Concourse before: "8.2.5"
	To        string    `json:"to"`             // and after: "8.3.0"
	Pipelines int       `json:"pipelines"`      // how many
	Teams     []string  `json:"teams"`          // whose they are
	Task      int       `json:"task,omitempty"` // of the director, that replaces Concourse meanwhile
	TaskState string    `json:"task_state"`     // "processing", "done", …; "" if there is none yet
	// Awaited says that somebody is to unpause them: the build that has paused or
	// the director task is under way, or the verifying build after that.
	Awaited bool `json:"awaited"`
}

// verifyWait is how long after the director task the verifying build may take.
const verifyWait = 15 * time.Minute

// lookForPaused asks the director's configs for what a quiet upgrade has paused.
func (s *Status) lookForPaused(ctx context.Context, i *bootstrap.Installation, info bootstrap.Info, now func() time.Time) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, found, err := standing(ctx, i, info)
	switch {
	case err != nil && s.Director.State != "running": // which is a problem already
	case err != nil:
		s.Problems = append(s.Problems, "what a quiet upgrade has paused is not known: "+err.Error())
	case found:
		s.Paused = pausedPipelines(list, now())
	}
}

// standing is what is paused, and who works on it. The director tells what is paused: it
// is read also where Concourse cannot be opened, which web tells of.
func standing(ctx context.Context, i *bootstrap.Installation, info bootstrap.Info) (list resumption.Standing, found bool, err error) {
	d, done, err := i.Director(info.Access)
	if err != nil {
		return list, false, err
	}
	defer done()
	var web resumption.ATC
	if info.Web.URL != "" {
		if atc, err := i.ATC(info.Web); err == nil {
			web = atc
		}
	}
	return resumption.Look(ctx, d, web, d.Keeper(info.Deployment), info.Deployment)
}

// pausedPipelines sums a list up.
func pausedPipelines(list resumption.Standing, now time.Time) *PausedPipelines {
	task := list.DirectorTask
	return &PausedPipelines{
		Phase: string(list.Phase), Since: list.Since, Build: list.Build, From: list.From, To: list.To,
		Pipelines: len(list.Pipelines), Teams: list.Teams(), Task: list.Task, TaskState: task.State,
		Awaited: list.Building || task.ID != 0 && (!task.Finished() || now.Sub(task.FinishedAt) < verifyWait),
	}
}

// problem is what is out of order when nobody is there to unpause them.
func (p *PausedPipelines) problem(name string) string {
	return fmt.Sprintf("%s, and no upgrade is under way that will unpause them: perpetual resume %s", p, name)
}

// String tells it in one line.
func (p *PausedPipelines) String() string {
	noun := "pipelines"
	if p.Pipelines == 1 {
		noun = "pipeline"
	}
	text := fmt.Sprintf("%d %s of %s %s since %s UTC by %s for Concourse %s → %s", p.Pipelines, noun, teams(p.Teams), p.Phase,
		p.Since.UTC().Format(time.DateTime), p.Build, p.From, p.To)
	switch {
	case p.Task == 0:
		return text + ", before the deploy"
	case p.TaskState == "":
		return fmt.Sprintf("%s, director task %d", text, p.Task)
	}
	return fmt.Sprintf("%s, director task %d is %s", text, p.Task, p.TaskState)
}

// teams names a few of them.
func teams(names []string) string {
	switch {
	case len(names) == 1:
		return "team " + names[0]
	case len(names) > 5:
		return fmt.Sprintf("teams %s and %d more", strings.Join(names[:5], ", "), len(names)-5)
	}
	return "teams " + strings.Join(names, ", ")
}
