"""Is this aihwkit what it says? Its noise models and converters against their closed forms."""
