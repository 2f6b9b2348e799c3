package step

// The steps, as people see them and as crash points and records name them.
const (
	Account        = "account"
	State          = "state"
	Configuration  = "configuration"
	Components     = "components"
	Infrastructure = "infrastructure"
	Credentials    = "credentials"
	Director       = "director"
	Deploy         = "deploy"
	Parameters     = "parameters"
	Pipeline       = "pipeline"
	Verify         = "verify"
)

// NotYet is what a plan says of a step whose foundation is not there.
const NotYet = "would be created"
