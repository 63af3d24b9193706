"""Study: do ranks that follow the audio make fewer errors in silence, noise and changes of the speaker?"""
