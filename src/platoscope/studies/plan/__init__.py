"""From a study and a user's choices to what will be read and compared, and what that costs."""
