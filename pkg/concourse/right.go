package concourse

import (
	"fmt"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
)

// memberRight is what most of a team's endpoints take, in the words of a refusal.
func memberRight(team string) string {
	return fmt.Sprintf(" in team %s: it needs the role member or owner there", team)
}

// operatorRight is what pausing a team's pipelines and triggering its jobs takes.
func operatorRight(team string) string {
	if team == atc.DefaultTeamName {
		return ": it takes the role pipeline-operator, member or owner in team main"
	}
	return fmt.Sprintf(": it takes the role pipeline-operator, member or owner in team %s, or an owner of the team main", team)
}

// ownerRight is what looking at a team's members and changing them takes.
func ownerRight(team string) string {
	return fmt.Sprintf(": it takes an owner of the team main, or of team %s where there is one", session.OneLine(team))
}
