"""The scoreboard of the model that ships: what it is worth on issues kept out of its training, beside other systems.

source     the data folder's files
sets       the held-out sets, each with its label lists, truth and repositories
answers    what a bundle says of them, kept on disk
linear     TF-IDF + logistic regression, trained on the public rows of the same folder
figures    answers to figures with intervals
board      all of it: one results document
page       results to the tables of README and card
"""
