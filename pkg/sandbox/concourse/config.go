package concourse

import (
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/config"
)

// getConfig is configserver.GetConfig.
func (s *Server) getConfig(r *asked) reply {
	vars, err := atc.InstanceVarsFromQueryParams(r.URL.Query())
	if err != nil {
		return refuseConfig(fmt.Sprintf("instance vars are malformed: %v", err))
	}
	p := s.Pipeline(r.PathValue("team"), atc.PipelineRef{Name: r.PathValue("pipeline"), InstanceVars: vars})
	if p == nil || p.Archived {
		return notFound
	}
	tree, err := s.Tree(p)
	if err != nil {
		return reply{status: http.StatusInternalServerError}
	}
	return reply{
		header: map[string]string{atc.ConfigVersionHeader: strconv.Itoa(p.Version)},
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
	cfg, extra, err := config.Parse(body, s.AtLeast)
	if err != nil {
		return refuseConfig(fmt.Sprintf("malformed config: %s", err))
	}
	warnings, problems := config.Validate(cfg)
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
	if s.Options.Teams[team] == nil {
		return notFound
	}
	_, created, err := s.Save(team, ref, cfg, extra, from)
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
