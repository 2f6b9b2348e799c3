package config

import (
	"fmt"
	"strings"

	"github.com/concourse/concourse/atc"
)

// Validate finds most of what atc/configvalidate finds: names, and the steps of
// all jobs with the resources that they use.
func Validate(c atc.Config) (warnings []atc.ConfigWarning, problems []string) {
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
