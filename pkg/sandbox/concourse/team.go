package concourse

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/engine"
)

// Members are a team's, by local user, with their roles; ok is false where there is no
// such team.
func (s *Server) Members(team string) (roles map[string]string, ok bool) {
	s.Lock()
	defer s.Unlock()
	return maps.Clone(s.Options.Teams[team]), s.Options.Teams[team] != nil
}

func (s *Server) listTeams(r *asked) reply {
	list := []atc.Team{}
	for name := range s.Options.Teams {
		if s.may(r.user, name, Viewer) {
			list = append(list, s.team(name))
		}
	}
	slices.SortFunc(list, func(a, b atc.Team) int { return strings.Compare(a.Name, b.Name) })
	return reply{value: list}
}

func (s *Server) getTeam(r *asked) reply {
	name := r.PathValue("team")
	if s.Options.Teams[name] == nil {
		return notFound
	}
	return reply{value: s.team(name)}
}

// team is a team as the API shows it.
func (s *Server) team(name string) atc.Team {
	names := []string{}
	for team := range s.Options.Teams {
		names = append(names, team)
	}
	slices.Sort(names)
	auth := atc.TeamAuth{}
	for user, role := range s.Options.Teams[name] {
		if auth[role] == nil {
			auth[role] = map[string][]string{"users": {}, "groups": {}}
		}
		auth[role]["users"] = append(auth[role]["users"], "local:"+user)
		slices.Sort(auth[role]["users"])
	}
	return atc.Team{ID: slices.Index(names, name) + 1, Name: name, Auth: auth}
}

// setTeam is teamserver.SetTeam: what it is sent replaces all that the team had. Only
// local users are known here. An owner of a team that is not there is one of main.
func (s *Server) setTeam(r *asked) reply {
	var wanted atc.Team
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		return reply{status: http.StatusBadRequest}
	}
	if err := wanted.Validate(); err != nil {
		return reply{status: http.StatusBadRequest}
	}
	name, roles := r.PathValue("team"), map[string]string{}
	for role, named := range wanted.Auth {
		for _, id := range named["users"] {
			user, local := strings.CutPrefix(id, "local:")
			if !local {
				continue
			}
			if slices.Index(ranks, role) >= slices.Index(ranks, roles[user]) {
				roles[user] = role
			}
		}
	}
	status := http.StatusOK
	if s.Options.Teams[name] == nil {
		status = http.StatusCreated
		if _, err := atc.ValidateIdentifier(name, "team"); err != nil {
			return reply{status: http.StatusBadRequest}
		}
	}
	s.Options.Teams[name] = roles
	s.Record(engine.Event{Kind: engine.KindTeam, User: r.user, Team: name})
	return reply{status: status, value: map[string]any{"team": s.team(name)}}
}
