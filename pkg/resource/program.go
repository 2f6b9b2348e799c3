package resource

// ProgramRepository is where Perpetual's own releases are on GitHub.
const ProgramRepository = "perpetual-ci/perpetual"

// ProgramComponent is what the bundled pipeline calls Perpetual itself in a set.
const ProgramComponent = "perpetual"
