package player

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// task is a task's config, as far as it is played.
type task struct {
	Platform      string `json:"platform"` // "linux"
	ImageResource *struct {
		Type   string         `json:"type"` // "registry-image"
		Source map[string]any `json:"source"`
		// Version is the image that is fetched; without one that is a tag's. {"digest": "sha256:…"}
		Version map[string]any `json:"version"`
	} `json:"image_resource"`
	Inputs []struct {
		Name     string `json:"name"` // "components"
		Path     string `json:"path"` // default: the name
		Optional bool   `json:"optional"`
	} `json:"inputs"`
	Outputs []any          `json:"outputs"`
	Caches  []any          `json:"caches"`
	Params  map[string]any `json:"params"`
	Run     struct {
		Path string   `json:"path"` // "perpetual"
		Args []string `json:"args"`
		Dir  string   `json:"dir"` // below the working directory
	} `json:"run"`
}

// TaskRun is a task as it is run. The image is not: who runs it has the program.
type TaskRun struct {
	Job, Build, Name string
	Image            string // "ghcr.io/perpetual-ci/perpetual:1.3.0-installer@sha256:…"
	Dir              string // the working directory, with a copy of each input
	Path             string // "perpetual"
	Args             []string
	Env              []string  // the params, sorted; containers of tasks have nothing else of Concourse
	Log              io.Writer // of the build; secrets are redacted in it
}

// hasTask says whether a job has a task.
func (c config) hasTask() bool {
	return slices.ContainsFunc(c.Jobs, func(j job) bool {
		return slices.ContainsFunc(j.Plan, func(s step) bool { return s.Task != "" })
	})
}

// playableTask says what is missing as Concourse does, and what is not played.
func (s step) playableTask() error {
	c := s.Config
	switch {
	case c == nil:
		return fmt.Errorf("has the task %s without a config, which is not played", s.Task)
	case c.Platform == "":
		return fmt.Errorf("has the task %s with an invalid configuration: missing 'platform'", s.Task)
	case c.Run.Path == "":
		return fmt.Errorf("has the task %s with an invalid configuration: missing path to executable to run", s.Task)
	case c.ImageResource == nil || c.ImageResource.Type == "":
		return fmt.Errorf("has the task %s without an image_resource: there would be no program in its container", s.Task)
	case len(c.Outputs)+len(c.Caches) > 0:
		return fmt.Errorf("has the task %s with outputs or caches, which are not played", s.Task)
	}
	return nil
}

// playableVar says what of a load_var is not played.
func (s step) playableVar() error {
	switch {
	case s.File == "":
		return fmt.Errorf("has the load_var %s without a file", s.LoadVar)
	case s.Format != "" && s.Format != "trim" && s.Format != "raw",
		s.Format == "" && slices.Contains([]string{".json", ".yml", ".yaml"}, path.Ext(s.File)):
		return fmt.Errorf("has the load_var %s in a format that is not played", s.LoadVar)
	}
	return nil
}

// loadVar reads a file of a get into a variable of the build.
func (r *running) loadVar(s step) error {
	name, below, _ := strings.Cut(s.File, "/")
	if !r.has(name) {
		return fmt.Errorf("unknown artifact source: '%s' in file path '%s'", name, s.File)
	}
	text, err := os.ReadFile(filepath.Join(r.dir, name, filepath.FromSlash(below)))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("file '%s' not found within artifact '%s'", below, name)
	}
	if err != nil {
		return fmt.Errorf("load_var %s: %w", s.LoadVar, err)
	}
	value := string(text)
	if s.Format != "raw" {
		value = strings.TrimSpace(value)
	}
	r.locals[s.LoadVar] = value
	told := Happening{Kind: "load_var", Resource: s.LoadVar}
	if s.Reveal {
		told.Value = value
	} else {
		r.log.hide(value)
	}
	r.happened(told)
	return nil
}

// has says whether a get has made an artifact of this name.
func (r *running) has(name string) bool {
	_, found := r.results[name]
	return found
}

// task runs a task in a directory of its own.
func (r *running) task(ctx context.Context, s step) error {
	run, err := r.taskRun(s)
	if err != nil {
		return err
	}
	if err := r.build.Step(s.Config.ImageResource.Type); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "task-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := r.copyInputs(s.Config, dir); err != nil {
		return err
	}
	run.Dir = filepath.Join(dir, filepath.FromSlash(s.Config.Run.Dir))
	err = overdue(ctx, r.Task(ctx, run))
	r.happened(Happening{Kind: "task", Resource: s.Task, Err: err})
	return err
}

// taskRun fills in the variables of a task.
func (r *running) taskRun(s step) (TaskRun, error) {
	run := TaskRun{Job: r.job.Name, Build: r.build.Name(), Name: s.Task, Log: r.log}
	source, err := resolve(s.Config.ImageResource.Source, r.find)
	if err != nil {
		return run, err
	}
	version, err := resolve(s.Config.ImageResource.Version, r.find)
	if err != nil {
		return run, err
	}
	run.Image = imageText(source, version)
	if run.Path, err = resolveText(s.Config.Run.Path, r.find); err != nil {
		return run, err
	}
	for _, arg := range s.Config.Run.Args {
		text, err := resolveText(arg, r.find)
		if err != nil {
			return run, err
		}
		run.Args = append(run.Args, text)
	}
	for name, value := range s.Config.Params {
		value, err := resolve(value, r.find)
		if err != nil {
			return run, err
		}
		text, is := value.(string)
		if !is && value != nil {
			encoded, err := json.Marshal(value)
			if err != nil {
				return run, fmt.Errorf("encode the param %s: %w", name, err)
			}
			text = string(encoded)
		}
		run.Env = append(run.Env, name+"="+text)
	}
	slices.Sort(run.Env)
	return run, nil
}

// imageText names an image as people do: by its digest where it has a version.
func imageText(source, version any) string {
	fields, _ := source.(map[string]any)
	text := fmt.Sprint(fields["repository"])
	if tag, has := fields["tag"]; has {
		text += ":" + fmt.Sprint(tag)
	}
	given, _ := version.(map[string]any)
	if digest, has := given["digest"]; has {
		text += "@" + fmt.Sprint(digest)
	}
	return text
}

// copyInputs gives a task its inputs. What it does to them, later steps do not see.
func (r *running) copyInputs(c *task, dir string) error {
	var missing []string
	for _, input := range c.Inputs {
		if !r.has(input.Name) {
			if !input.Optional {
				missing = append(missing, input.Name)
			}
			continue
		}
		to := input.Path
		if to == "" {
			to = input.Name
		}
		if err := os.CopyFS(filepath.Join(dir, filepath.FromSlash(to)), os.DirFS(filepath.Join(r.dir, input.Name))); err != nil {
			return fmt.Errorf("copy the input %s: %w", input.Name, err)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing inputs: %s", strings.Join(missing, ", "))
	}
	return nil
}
