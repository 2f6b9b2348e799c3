package concourse

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/concourse/concourse/atc"
)

// getConfig is configserver.GetConfig.
func (s *Server) getConfig(r *asked) reply {
	vars, err := atc.InstanceVarsFromQueryParams(r.URL.Query())
	if err != nil {
		return refuseConfig(fmt.Sprintf("instance vars are malformed: %v", err))
	}
	p := s.pipeline(r.PathValue("team"), atc.PipelineRef{Name: r.PathValue("pipeline"), InstanceVars: vars})
	if p == nil || p.archived {
		return notFound
	}
	tree, err := s.tree(p)
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{
		header: map[string]string{atc.ConfigVersionHeader: strconv.Itoa(p.version)},
		value:  map[string]any{"config": tree},
	}
}

// saveConfig is configserver.SaveConfig.
func (s *Server) saveConfig(r *asked) reply {
	from := 0
	if text := r.Header.Get(atc.ConfigVersionHeader); text != "" {
		if _, err := fmt.Sscanf(text, "%d", &from); err != nil {
			return refuseConfig(fmt.Sprintf("config version is malformed: %s", err))
		}
	}
	switch r.Header.Get("Content-Type") {
	case "application/json", "application/x-yaml":
	default:
		return reply{status: http.StatusUnsupportedMediaType}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return refuseConfig(fmt.Sprintf("read failed: %s", err))
	}
	config, extra, err := s.parseConfig(body)
	if err != nil {
		return refuseConfig(fmt.Sprintf("malformed config: %s", err))
	}
	warnings, problems := validate(config)
	if len(problems) > 0 {
		return refuseConfig(problems...)
	}
	ref := atc.PipelineRef{Name: r.PathValue("pipeline")}
	if warning, err := atc.ValidateIdentifier(ref.Name, "pipeline"); err != nil {
		return refuseConfig(err.Error())
	} else if warning != nil {
		warnings = append(warnings, *warning)
	}
	if ref.InstanceVars, err = atc.InstanceVarsFromQueryParams(r.URL.Query()); err != nil {
		return refuseConfig(fmt.Sprintf("instance vars are malformed: %v", err))
	}
	team := r.PathValue("team")
	if s.options.Teams[team] == nil {
		return notFound
	}
	_, created, err := s.save(team, ref, config, extra, from)
	if err != nil {
		return reply{status: http.StatusInternalServerError, text: fmt.Sprintf("failed to save config: %s", err)}
	}
	re := reply{status: http.StatusOK, value: atc.SaveConfigResponse{Warnings: warnings}}
	if created {
		re.status = http.StatusCreated
	}
	return re
}

// refuseConfig is helpers.HandleBadRequest.
func refuseConfig(problems ...string) reply {
	return reply{status: http.StatusBadRequest, value: atc.SaveConfigResponse{Errors: problems}}
}

// validate finds most of what atc/configvalidate finds: names, and the steps of
// all jobs with the resources that they use.
func validate(c atc.Config) (warnings []atc.ConfigWarning, problems []string) {
	names := func(name, where string) []string {
		warning, err := atc.ValidateIdentifier(name, where)
		if warning != nil {
			warnings = append(warnings, *warning)
		}
		if err != nil {
			return []string{err.Error()}
		}
		return nil
	}
	var resources, jobs []string
	for _, r := range c.Resources {
		resources = append(resources, names(r.Name, "resources."+r.Name)...)
		if r.Type == "" {
			resources = append(resources, "resources."+r.Name+" has no type")
		}
	}
	if len(c.Jobs) == 0 {
		jobs = append(jobs, "jobs: pipeline must contain at least one job")
	}
	for _, job := range c.Jobs {
		where := "jobs." + job.Name
		jobs = append(jobs, names(job.Name, where)...)
		steps := atc.NewStepValidator(c, []string{where, ".plan"})
		if err := steps.Validate(job.Step()); err != nil {
			jobs = append(jobs, err.Error())
		}
		warnings = append(warnings, steps.Warnings...)
		jobs = append(jobs, steps.Errors...)
	}
	for _, group := range []struct {
		name  string
		lines []string
	}{{"resources", resources}, {"jobs", jobs}} {
		if len(group.lines) > 0 {
			problems = append(problems, fmt.Sprintf("invalid %s:\n\t%s\n", group.name, strings.Join(group.lines, "\n\t")))
		}
	}
	return warnings, problems
}
